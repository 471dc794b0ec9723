// SPDX-License-Identifier: Apache-2.0

import Base

/// Reads a file of `name:secret` lines; empty lines and lines that begin with `#` are skipped.
/// Throws a `ConfigurationError` that names each wrong line, never its content.
private func readKeyLines(_ path: String) throws -> [(name: String, secret: String)] {
    let text: String
    do {
        text = try readTextFile(path)
    } catch {
        throw ConfigurationError(problems: [
            ConfigurationProblem(file: path, line: 1, column: 1, key: "", problem: "can not be read: \(error)")
        ])
    }
    var entries: [(name: String, secret: String)] = []
    var problems: [ConfigurationProblem] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let trimmed = line.filter { !$0.isWhitespace }
        guard !trimmed.isEmpty, !trimmed.hasPrefix("#") else { continue }
        let parts = trimmed.split(separator: ":", maxSplits: 1)
        if parts.count == 2, parts[1].utf8.count >= 8 {
            entries.append((String(parts[0]), String(parts[1])))
        } else {
            problems.append(
                ConfigurationProblem(
                    file: path, line: index + 1, column: 1, key: "",
                    problem: "is not `name:secret` with a secret of at least 8 characters"))
        }
    }
    if problems.isEmpty, entries.isEmpty {
        problems.append(
            ConfigurationProblem(file: path, line: 1, column: 1, key: "", problem: "holds no `name:secret` line"))
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    return entries
}

/// The secrets that open the API's writes.
struct APIKeys: Sendable {
    private let entries: [(name: String, secret: String)]

    /// Reads `name:secret` lines; throws a `ConfigurationError`.
    init(file path: String) throws {
        entries = try readKeyLines(path)
    }

    init(_ entries: [(name: String, secret: String)]) {
        self.entries = entries
    }

    /// The name of the key whose secret this is; nil for none. Looks at all keys, always.
    func name(ofSecret secret: some StringProtocol) -> String? {
        var found: String?
        for entry in entries where equalInConstantTime(entry.secret.utf8, secret.utf8) { found = entry.name }
        return found
    }
}

/// One pair of S3 keys.
struct S3Credential: Sendable, Equatable {
    var accessKey: String
    var secretKey: String
}

/// The keys that the embedded S3 endpoint knows.
struct S3Credentials: Sendable {
    private let entries: [S3Credential]

    /// Reads `ACCESSKEY:SECRET` lines; throws a `ConfigurationError`.
    init(file path: String) throws {
        entries = try readKeyLines(path).map { S3Credential(accessKey: $0.name, secretKey: $0.secret) }
    }

    /// At least one credential.
    init(_ entries: [S3Credential]) {
        precondition(!entries.isEmpty)
        self.entries = entries
    }

    /// The pair that signs upload URLs.
    var presigning: S3Credential { entries[0] }

    func secretKey(of accessKey: String) -> String? {
        entries.first { $0.accessKey == accessKey }?.secretKey
    }
}
