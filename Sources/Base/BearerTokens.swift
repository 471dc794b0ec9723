// SPDX-License-Identifier: Apache-2.0

/// Secrets that open an interface, sent as `Authorization: Bearer SECRET` (RFC 6750 section 2.1).
public struct BearerTokens: Sendable {
    private static let tokensMax = 4
    private static let characters = 32...512

    private let tokens: [[UInt8]]

    /// Reads one secret a line, 1 to 4 of them; empty lines and lines that begin with `#` are skipped. Throws
    /// `SystemError` when the file can not be read, and a `ConfigurationError` that names the wrong line, never its content.
    public init(file path: String) throws {
        let lines = try readFile(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var tokens: [[UInt8]] = []
        for (index, line) in lines.enumerated() {
            let token = line.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            guard let first = token.first, first != UInt8(ascii: "#") else { continue }
            guard Self.characters.contains(token.count), token.allSatisfy(Self.isTokenCharacter) else {
                throw Self.error(path, line: index + 1, "is not a secret of 32 to 512 letters, digits and `-._~+/=`")
            }
            tokens.append(token)
        }
        guard (1...Self.tokensMax).contains(tokens.count) else {
            throw Self.error(
                path, line: 1, "holds \(tokens.count) secrets; 1 to \(Self.tokensMax) are allowed, one a line")
        }
        self.tokens = tokens
    }

    /// What a client sends.
    public var first: String { String(decoding: tokens[0], as: UTF8.self) }

    /// True when the field value `Bearer SECRET` has one of the secrets. The time that it takes depends on the value's
    /// length alone, not on where it differs.
    public func accept(authorization: some Collection<UInt8>) -> Bool {
        let scheme = Array("bearer ".utf8)
        guard authorization.count > scheme.count, zip(authorization, scheme).allSatisfy({ $0 | 0x20 == $1 }) else {
            return false
        }
        let presented = Array(authorization.dropFirst(scheme.count))
        return tokens.reduce(false) { Self.isEqual(presented, $1) || $0 }
    }

    @inline(never)
    private static func isEqual(_ presented: [UInt8], _ token: [UInt8]) -> Bool {
        var difference = presented.count ^ token.count
        for index in presented.indices { difference |= Int(presented[index] ^ token[index % token.count]) }
        return difference == 0
    }

    /// RFC 6750 section 2.1: b64token.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-._~+/=".utf8.contains(byte)
        }
    }

    private static func error(_ path: String, line: Int, _ problem: String) -> ConfigurationError {
        ConfigurationError(problems: [
            ConfigurationProblem(file: path, line: line, column: 1, key: "", problem: problem)
        ])
    }
}
