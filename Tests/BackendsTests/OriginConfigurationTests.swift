// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Testing

@testable import Backends

@Suite struct OriginConfigurationTests {
    /// `origin.conf` at the root of the project names every key, with its default.
    @Test func theCommentedFileHoldsTheDefaults() throws {
        let path =
            URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path + "/origin.conf"
        #expect(try OriginConfiguration(path: path) == OriginConfiguration())
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // The one key without a default is in the file as a comment.
        let withLog = text.replacingOccurrences(of: "# accessLog:", with: "accessLog:")
        #expect(try OriginConfiguration(text: withLog, file: "f").delivery.accessLog == "var/log/delivery.jsonl")
        for key in Mirror(reflecting: OriginConfiguration.Transcode()).children.compactMap(\.label) {
            #expect(text.contains("\n  \(key): "), "\(key)")
        }
    }

    @Test func anEmptyFileGivesTheDefaults() throws {
        #expect(try OriginConfiguration(text: "", file: "f") == OriginConfiguration())
    }

    @Test func everyMistakeIsReportedWithItsPlace() throws {
        let text = """
            state: var
            api:
              listen: localhost:80
              publicURL: http://a/b
            s3:
              presignSecond: 5
              uploadBytesMax: 1KiB
            playback:
              edges: [ftp://x]
            transcode:
              leaseSeconds: 4
              heartbeatSeconds: 3
              preset: slowest
            purge:
              shields: [localhost:9910, 127.0.0.1:9901]
              edges: [127.0.0.1:9901]
            """
        let error = try #require(throws: ConfigurationError.self) {
            try OriginConfiguration(text: text, file: "origin.conf")
        }
        let lines = error.problems.map { "\($0.line) \($0.key)" }
        #expect(
            lines == [
                "3 api.listen", "4 api.publicURL", "6 s3.presignSecond", "7 s3.uploadBytesMax", "9 playback.edges",
                "12 transcode.heartbeatSeconds", "13 transcode.preset",
                "15 purge.shields", "16 purge.edges",
            ])
    }
}
