// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

/// A decoder with its own scratch memory, and what it says of each block.
final class OwnDecoder {
    private let scratch = UnsafeMutableRawPointer.allocate(byteCount: HeaderDecoder.scratchBytes, alignment: 16)
    private let decoder: HeaderDecoder

    init() {
        decoder = HeaderDecoder(scratch: scratch)
    }

    deinit {
        scratch.deallocate()
    }

    /// Names and values in turn; nil when the block is refused. What the decoder says of a field must be what its bytes say.
    func decode(_ block: [UInt8]) -> [[UInt8]]? {
        // A copy without a byte behind it, so that reading on would be found.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 1)
        copy.copyBytes(from: block)
        defer { copy.deallocate() }
        var fields: [[UInt8]] = []
        var stable: [(place: Int, value: UnsafeRawBufferPointer)] = []
        let isGood = decoder.decode(UnsafeRawBufferPointer(copy)) { field in
            fields += [Array(field.name), Array(field.value)]
            if case .pseudo(.path) = field.kind { stable = [] }
            if field.isValueStable { stable.append((fields.count - 1, field.value)) }
            let kind = FieldKind(field.name)
            #expect("\(field.kind)" == "\(kind)")
            #expect(field.isAllowed == kind.allows(field.value))
        }
        for (place, value) in stable { #expect(Array(value) == fields[place]) }
        return isGood ? fields : nil
    }

    func text(_ block: [UInt8]) -> [String]? {
        decode(block)?.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// The bytes of a hexadecimal text.
private func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite struct HeaderDecoderTests {
    @Test func theStaticTableIsTheOneOfTheStandard() {
        #expect(
            OwnDecoder().text([0x82, 0x90, 0xBD]) == [
                ":method", "GET", "accept-encoding", "gzip, deflate", "www-authenticate", "",
            ])
        #expect(OwnDecoder().text([0x81, 0x8E, 0xA0]) == [":authority", "", ":status", "500", "cookie", ""])
        #expect(OwnDecoder().decode([0xBE]) == nil)
        #expect(OwnDecoder().decode([0x80]) == nil)
    }

    /// RFC 7541 appendix C.2.
    @Test(
        arguments: [
            ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"]),
            ("040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]), ("82", [":method", "GET"]),
        ] as [(String, [String])])
    func singleFields(block: String, fields: [String]) {
        #expect(OwnDecoder().text(hex(block)) == fields)
    }

    /// RFC 7541 appendices C.3 and C.4: the same requests on one connection, without and with the Huffman code.
    @Test(
        arguments: [
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
        ])
    func requests(blocks: [String]) {
        let decoder = OwnDecoder()
        let host = [":authority", "www.example.com"]
        let start = [":method", "GET", ":scheme", "http", ":path", "/"]
        #expect(decoder.text(hex(blocks[0])) == start + host)
        #expect(decoder.text(hex(blocks[1])) == start + host + ["cache-control", "no-cache"])
        #expect(
            decoder.text(hex(blocks[2])) == [":method", "GET", ":scheme", "https", ":path", "/index.html"] + host
                + ["custom-key", "custom-value"])
        // The table holds three entries now, the newest first.
        #expect(
            decoder.text([0xBE, 0xBF, 0xC0])
                == ["custom-key", "custom-value", "cache-control", "no-cache"] + host)
        #expect(decoder.decode([0xC1]) == nil)
    }

    /// RFC 7541 appendix C.6: responses, in a table of 256 bytes that forgets.
    @Test func entriesAreForgotten() {
        let decoder = OwnDecoder()
        #expect(decoder.text([0x3F, 0xE1, 0x01]) == [])
        let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff"
        let date = "Mon, 21 Oct 2013 20:13:21 GMT"
        let location = ["location", "https://www.example.com"]
        #expect(
            decoder.text(hex(first + "6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3"))
                == [":status", "302", "cache-control", "private", "date", date] + location)
        let rest = ["cache-control", "private", "date", date] + location
        #expect(decoder.text(hex("4883 640e ffc1 c0bf")) == [":status", "307"] + rest)
        let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
        let third =
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7"
            + "b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07"
        #expect(
            decoder.text(hex(third))
                == [":status", "200", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:22 GMT"] + location
                + ["content-encoding", "gzip", "set-cookie", cookie])
        #expect(decoder.text([0xBE]) == ["set-cookie", cookie])
        #expect(decoder.decode([0xC1]) == nil)
    }

    @Test func sizesComeFirstAndStayWithinTheSetting() {
        #expect(OwnDecoder().text([0x20, 0x3F, 0xE1, 0x1F, 0x82]) == [":method", "GET"])
        #expect(OwnDecoder().decode([0x3F, 0xE2, 0x1F]) == nil)
        #expect(OwnDecoder().decode([0x82, 0x20]) == nil)
        let decoder = OwnDecoder()
        #expect(decoder.text([0x40, 0x01, 0x61, 0x01, 0x62]) == ["a", "b"])
        #expect(decoder.text([0xBE]) == ["a", "b"])
        #expect(decoder.text([0x20, 0x3F, 0xE1, 0x1F]) == [])
        #expect(decoder.decode([0xBE]) == nil)
    }

    @Test func anEntryMayHaveNoBytesAndOneThatIsTooLargeEmptiesTheTable() {
        let decoder = OwnDecoder()
        #expect(decoder.text([0x40, 0x00, 0x00]) == ["", ""])
        #expect(decoder.text([0xBE]) == ["", ""])
        let large = [UInt8](repeating: 0x61, count: 4096)
        #expect(decoder.decode([0x40, 0x01, 0x62, 0x7F, 0x81, 0x1F] + large) == [[0x62], large])
        #expect(decoder.decode([0xBE]) == nil)
    }

    /// The name of an entry that makes room for the new one (RFC 7541 section 4.4).
    @Test func aNameOutlivesItsEntry() {
        let decoder = OwnDecoder()
        var value: [UInt8] = []
        #expect(decoder.text([0x40, 0x03, 0x61, 0x62, 0x63, 0x01, 0x30]) == ["abc", "0"])
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
            value = [UInt8](repeating: letter, count: 4060)
            #expect(decoder.decode([0x7E, 0x7F, 0xDD, 0x1E] + value) == [Array("abc".utf8), value])
            #expect(decoder.decode([0xBE]) == [Array("abc".utf8), value])
            #expect(decoder.text([0xBE, 0xBF]) == nil)
        }
    }

    @Test func aPathIsJudgedByAllOfItsCharacters() {
        let decoder = OwnDecoder()
        let start = "/a-token-of-some-length-that-every-path-begins-with/"
        for end in [
            "one", "one two", "one two three", "one", "", " ", "on\u{7f}", "one.m4s", "one.m4s?b c", "one.m4s?b",
        ] {
            let coded = HuffmanCode.encode((start + end).utf8)
            #expect(coded.count < 127)
            #expect(decoder.text([0x04, 0x80 | UInt8(coded.count)] + coded) == [":path", start + end])
        }
    }
}
