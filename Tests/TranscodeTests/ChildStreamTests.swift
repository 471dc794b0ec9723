// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// What a parent makes of a child's bytes, event by event.
@Suite struct ChildStreamTests {
    static let small = ChildStream.Limits(messageBytesMax: 400, fileBytesMax: 10, totalBytesMax: 15, filesMax: 4)

    func line(_ message: ChildMessage) throws -> [UInt8] { Array(try JSONEncoder().encode(message)) + [0x0A] }

    /// All events of bytes that come in pieces of `size`; the bytes of a file are joined.
    func events(
        _ bytes: [UInt8], pieces size: Int = 7, limits: ChildStream.Limits = ChildStream.Limits()
    ) throws -> [ChildStream.Event] {
        var stream = ChildStream(limits: limits)
        var events: [ChildStream.Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            var piece = bytes[start..<min(start + size, bytes.count)]
            while let event = try stream.next(&piece) {
                if case .fileBytes(let more) = event, case .fileBytes(let begun)? = events.last {
                    events[events.count - 1] = .fileBytes(begun + more)
                } else {
                    events.append(event)
                }
            }
        }
        return events
    }

    func violation(_ bytes: [UInt8]) throws -> String? {
        do {
            _ = try events(bytes, limits: Self.small)
            return nil
        } catch let violation as ChildStream.Violation {
            return violation.reason
        }
    }

    @Test(arguments: [1, 2, 7, 1000]) func filesStandBetweenLines(size: Int) throws {
        let content: [UInt8] = Array("a\nb{}\n".utf8)
        var bytes = try line(.progress(1)) + line(.folder("240p"))
        bytes += try line(.file(name: "240p/0.m4s", bytes: content.count)) + content
        bytes += try line(.file(name: "empty", bytes: 0)) + line(.unusable("no"))
        let found = try events(bytes, pieces: size)
        #expect(
            found == [
                .message(.progress(1)), .folder("240p"), .fileBegins("240p/0.m4s"), .fileBytes(content[...]), .fileEnds,
                .fileBegins("empty"), .fileEnds, .message(.unusable("no")),
            ])
    }

    @Test func aFileThatIsWholeIsToldAtOnce() throws {
        var stream = ChildStream()
        var bytes = (try line(.file(name: "a", bytes: 1)) + [0x41])[...]
        #expect(try stream.next(&bytes) == .fileBegins("a"))
        #expect(try stream.next(&bytes) == .fileBytes([0x41]))
        #expect(stream.isInside)
        #expect(try stream.next(&bytes) == .fileEnds)
        #expect(!stream.isInside)
        #expect(try stream.next(&bytes) == nil)
    }

    @Test func linesThatAreNoMessagesArePassedOver() throws {
        let bytes = Array("nonsense\n\n{\"other\":1}\n".utf8) + (try line(.failed("why")))
        #expect(try events(bytes) == [.message(.failed("why"))])
    }

    @Test func progressIsBounded() throws {
        #expect(
            try events(line(.progress(1e300)) + line(.progress(-4))).map { $0 } == [
                .message(.progress(100)), .message(.progress(0)),
            ])
    }

    @Test func progressOfRungsIsBounded() throws {
        #expect(try events(line(.rungs(["240p": 1e300, "360p": -4]))) == [.message(.rungs(["240p": 100, "360p": 0]))])
        for bad in [["../a": 1.0], Dictionary(uniqueKeysWithValues: (0...100).map { ("\($0)", 1.0) })] {
            #expect(throws: ChildStream.Violation(reason: "progress of rungs that are none")) {
                try events(line(.rungs(bad)))
            }
        }
    }

    /// A line is held, so it has a limit of its own.
    @Test func aLineIsBounded() throws {
        let limits = ChildStream.Limits(lineBytesMax: 20)
        #expect(try events([UInt8](repeating: 0x41, count: 20) + [0x0A], limits: limits).isEmpty)
        #expect(throws: ChildStream.Violation(reason: "a line of more than 20 bytes")) {
            try events([UInt8](repeating: 0x41, count: 21), limits: limits)
        }
    }

    @Test(arguments: [
        "", "/etc/passwd", "../a", "a/../b", ".hidden", "a//b", "a/", "a b", "a\u{0}b", "ä", "a/b/c/d/e", "..",
        String(repeating: "a", count: 65),
    ])
    func namesThatLeadElsewhereAreRefused(name: String) throws {
        #expect(!ChildStream.isName(name))
        #expect(try violation(line(.file(name: name, bytes: 1))) == "a file with a name that is not allowed")
        #expect(try violation(line(.folder(name))) == "a file with a name that is not allowed")
    }

    @Test(arguments: ["a", "240p/0.m4s", "en-US/captions_1.vtt", "a/b/c/d"]) func plainNamesAreTaken(name: String) {
        #expect(ChildStream.isName(name))
    }

    @Test func sizesAreBounded() throws {
        let ten = [UInt8](repeating: 0x41, count: 10)
        #expect(try violation(line(.file(name: "a", bytes: 11))) == "a file of 11 bytes; 10 are allowed")
        #expect(try violation(line(.file(name: "a", bytes: -1))) == "a file of -1 bytes; 10 are allowed")
        #expect(try violation(line(.file(name: "a", bytes: .max))) == "a file of \(Int.max) bytes; 10 are allowed")
        let file = try line(.file(name: "a", bytes: 10)) + ten
        #expect(try violation(file) == nil)
        #expect(try violation(file + file) == "files of more than 15 bytes together")
        let empty = try line(.file(name: "a", bytes: 0))
        #expect(try violation(empty + empty + empty + empty) == nil)
        #expect(try violation(empty + empty + empty + empty + empty) == "more than 4 files")
        #expect(try violation([UInt8](repeating: 0x41, count: 401)) == "it said more than 400 bytes")
        #expect(try violation([UInt8](repeating: 0x0A, count: 401)) == "it said more than 400 bytes")
    }

    @Test func aResultMustBePossible() throws {
        func result(_ seconds: Double, _ width: Int, bytes: Int = 1) -> MediaResult {
            let segment = SegmentFile(name: "0.m4s", bytes: bytes, durationSeconds: 6)
            let rendition = RenditionOutput(
                name: "240p", codecs: "", width: 320, height: 240, framesPerSecond: 25, segments: [segment])
            return MediaResult(durationSeconds: seconds, width: width, height: 2, renditions: [rendition])
        }
        #expect(try events(line(.result(result(6, 2)))).count == 1)
        for bad in [result(1e300, 2), result(-1, 2), result(6, .max), result(6, -1), result(6, 2, bytes: .max)] {
            #expect(throws: ChildStream.Violation(reason: "a result with impossible numbers")) {
                try events(line(.result(bad)))
            }
        }
    }
}
