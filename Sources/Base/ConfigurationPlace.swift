// SPDX-License-Identifier: Apache-2.0

/// Where a value stands in a configuration file, for a mistake that shows only when the value is used: a file that it
/// names can not be read, an address is taken.
public struct ConfigurationPlace: Sendable, Equatable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var column: Int
    /// The dotted path of the key.
    public var key: String

    public init(file: String, line: Int, column: Int, key: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
    }

    /// The key: two places of the same key in two files are told apart by nothing else.
    public var description: String { key }

    /// The error of this place alone; `problem` says what is wrong and what is allowed.
    public func error(_ problem: String) -> ConfigurationError {
        ConfigurationError(problems: [
            ConfigurationProblem(file: file, line: line, column: column, key: key, problem: problem)
        ])
    }
}
