// SPDX-License-Identifier: Apache-2.0

/// One mistake in a configuration file: where it is, which key, what is wrong and what is allowed.
public struct ConfigurationProblem: Sendable, CustomStringConvertible, Equatable {
    public var file: String
    public var line: Int
    public var column: Int
    /// The dotted path of the key, such as `cache.memoryBytes`; empty for the file as a whole.
    public var key: String
    /// What is wrong and what is allowed, as a sentence without a full stop.
    public var problem: String

    public init(file: String, line: Int, column: Int, key: String, problem: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.problem = problem
    }

    public var description: String {
        let place = "\(file):\(line):\(column): "
        return key.isEmpty ? place + problem : place + key + ": " + problem
    }
}

/// Everything that is wrong with one configuration file, in the order of its lines.
public struct ConfigurationError: Error, CustomStringConvertible {
    public var problems: [ConfigurationProblem]

    public init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
