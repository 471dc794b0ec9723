// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

@Suite struct FolderReaderTests {
    private func read(_ folder: String, _ address: String, _ range: Range<Int>? = nil, max: Int = 100) -> [UInt8]? {
        let request = CheckRequest(kind: .segment, address: address, range: range, bytesMax: max)
        guard case .content(let bytes, let delivery) = FolderReader(folder: folder).read(request) else { return nil }
        #expect(delivery == nil)
        return bytes
    }

    @Test func filesAndRangesAreRead() throws {
        let path = try TestFiles.file(Array("0123456789".utf8), name: "a b.m4s")
        let folder = String(path.dropLast("/a b.m4s".count))
        #expect(FolderReader.address(name: "a b?#%.m4s") == "/a%20b%3f%23%25.m4s")
        #expect(read(folder, "/a%20b.m4s?token=1") == Array("0123456789".utf8))
        #expect(read(folder, "/a%20b.m4s", 2..<5) == Array("234".utf8))
        #expect(read(folder, "/a%20b.m4s", 8..<50) == Array("89".utf8))
        #expect(read(folder, "/a%20b.m4s", 20..<50) == [])
        #expect(read(folder, "/a%20b.m4s", max: 9) == nil)
        #expect(read(folder, "/missing.m4s") == nil)
    }

    @Test func nothingOutsideTheFolderIsRead() throws {
        let secret = try TestFiles.file(Array("secret".utf8), name: "secret")
        let inside = String(secret.dropLast("/secret".count)) + "/inside"
        try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: false)
        for address in [
            "/../secret", "/%2e%2e/secret", "/x/%2E./../../secret", "https://example.com/secret", "secret", "/%zz",
        ] {
            #expect(read(inside, address) == nil, "\(address)")
        }
        #expect(FolderReader.path("/a%00b") == nil)
    }

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        let folder = try TestFiles.folder()
        #expect(mkfifo(folder + "/pipe.m4s", 0o600) == 0)
        #expect(read(folder, "/pipe.m4s") == nil)
        #expect(read(folder, "/") == nil)
    }
}
