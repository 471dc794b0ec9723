// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Base

@Suite struct BearerTokensTests {
    private static let one = String(repeating: "a1", count: 16)
    private static let two = String(repeating: "B-", count: 20)

    private func tokens(_ text: String) throws -> BearerTokens {
        let path = NSTemporaryDirectory() + "spillway-token-" + UUID().uuidString
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try BearerTokens(file: path)
    }

    @Test func eachSecretIsAcceptedAndNothingElse() throws {
        let tokens = try tokens("# new\r\n\(Self.one)\r\n\n\(Self.two)\n")
        #expect(tokens.first == Self.one)
        for good in ["Bearer \(Self.one)", "bearer \(Self.two)", "BEARER \(Self.one)"] {
            #expect(tokens.accept(authorization: Array(good.utf8)), "\(good)")
        }
        let wrong = [
            "", "Bearer", "Bearer ", Self.one, "Basic \(Self.one)", "Bearer \(Self.one)a", "Bearer  \(Self.one)",
            "Bearer \(Self.one.dropLast())", "Bearer \(Self.one)\(Self.one)", "Bearer \(Self.one), Bearer \(Self.one)",
            "Bearer # new",
        ]
        for wrong in wrong { #expect(!tokens.accept(authorization: Array(wrong.utf8)), "\(wrong)") }
    }

    @Test func wrongFilesAreRefusedWithTheLineAndNeverTheSecret() throws {
        let five = String(repeating: Self.one + "\n", count: 5)
        for text in ["", "# none\n", "\n\nshort\n", Self.one + "\u{e9}\n", five] {
            let error = try #require(throws: ConfigurationError.self) { try tokens(text) }
            #expect(!"\(error)".contains("short") && !"\(error)".contains(Self.one))
            if text.contains("short") { #expect(error.problems.first?.line == 3) }
        }
        #expect(throws: SystemError.self) { try BearerTokens(file: "/nonexistent/token") }
    }
}
