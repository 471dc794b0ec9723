// SPDX-License-Identifier: Apache-2.0

import Yams

/// Reads a YAML configuration file key by key and collects every mistake with its place.
///
/// Each typed accessor returns the value, or its default when the key is absent. A wrong value is
/// recorded and the default returned, so that one run reports all mistakes. `finish()` throws them, and
/// reports keys that nobody asked for: a misspelt key is an error, never ignored.
///
/// Not thread-safe: used by one thread at start or reload.
public final class Configuration {
    public let file: String
    var problems: [ConfigurationProblem] = []
    var unread: [(path: String, mark: Mark?)] = []
    /// The top-level mapping.
    public private(set) var root: ConfigurationSection!

    /// Parses `text`; `file` names it in messages. Throws `ConfigurationError` when it is not a YAML mapping.
    public init(text: String, file: String) throws {
        self.file = file
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationError(problems: [Self.syntaxProblem(error, file: file)])
        }
        guard let node else {
            root = ConfigurationSection(configuration: self, path: "", mapping: nil, mark: nil)
            return
        }
        guard let mapping = node.mapping else {
            let mark = node.mark
            throw ConfigurationError(problems: [
                ConfigurationProblem(
                    file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, key: "",
                    problem: "is not a list of `key: value` lines")
            ])
        }
        root = ConfigurationSection(configuration: self, path: "", mapping: mapping, mark: node.mark)
    }

    /// Reads and parses the file at `path`.
    public convenience init(path: String) throws {
        guard let text = try? readTextFile(path) else {
            throw ConfigurationError(problems: [
                ConfigurationProblem(file: path, line: 1, column: 1, key: "", problem: "can not be read")
            ])
        }
        try self.init(text: text, file: path)
    }

    /// Throws all that was found wrong; returns quietly when the file is good.
    public func finish() throws {
        root.reportUnknownKeys()
        guard !problems.isEmpty else { return }
        throw ConfigurationError(problems: problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }

    func report(_ key: String, _ mark: Mark?, _ problem: String) {
        problems.append(
            ConfigurationProblem(
                file: file, line: mark?.line ?? 1, column: mark?.column ?? 1, key: key, problem: problem))
    }

    private static func syntaxProblem(_ error: YamlError, file: String) -> ConfigurationProblem {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ConfigurationProblem(
                file: file, line: mark.line, column: mark.column, key: "", problem: "is not YAML: \(problem)")
        default:
            return ConfigurationProblem(file: file, line: 1, column: 1, key: "", problem: "is not YAML: \(error)")
        }
    }
}
