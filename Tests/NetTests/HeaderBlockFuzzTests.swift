// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2
import Fuzzing
import Testing

@testable import Net

/// nghttp2's decoder, for comparison.
private final class PeerDecoder {
    private var inflater: OpaquePointer?

    init() {
        guard nghttp2_hd_inflate_new(&inflater) == 0 else { return }
    }

    deinit {
        nghttp2_hd_inflate_del(inflater)
    }

    /// Names and values in turn; nil when the block is refused.
    func decode(_ block: [UInt8]) -> [[UInt8]]? {
        var fields: [[UInt8]] = []
        return block.withUnsafeBufferPointer { bytes in
            var position = 0
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let used = nghttp2_hd_inflate_hd2(
                    inflater, &field, &flags, bytes.baseAddress.map { $0 + position }, bytes.count - position, 1)
                guard used >= 0 else { return nil }
                position += used
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                    fields.append(Array(UnsafeBufferPointer(start: field.name, count: field.namelen)))
                    fields.append(Array(UnsafeBufferPointer(start: field.value, count: field.valuelen)))
                }
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                    nghttp2_hd_inflate_end_headers(inflater)
                    return fields
                }
                if used == 0, position == bytes.count { return nil }
            }
        }
    }
}

/// nghttp2's encoder, which uses its table as browsers do.
private final class PeerEncoder {
    private var deflater: OpaquePointer?

    init() {
        guard nghttp2_hd_deflate_new(&deflater, 4096) == 0 else { return }
    }

    deinit {
        nghttp2_hd_deflate_del(deflater)
    }

    /// The next block tells of it.
    func resize(to bytes: Int) {
        _ = nghttp2_hd_deflate_change_table_size(deflater, bytes)
    }

    func encode(_ fields: [(name: [UInt8], value: [UInt8])]) -> [UInt8] {
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(
            capacity: fields.reduce(1) { $0 + $1.name.count + $1.value.count })
        defer { memory.deallocate() }
        var used = 0
        func keep(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8>? {
            guard let start = memory.baseAddress else { return nil }
            let place = start + used
            place.initialize(from: bytes, count: bytes.count)
            used += bytes.count
            return place
        }
        var records = fields.map { field in
            nghttp2_nv(
                name: keep(field.name), value: keep(field.value), namelen: field.name.count,
                valuelen: field.value.count, flags: 0)
        }
        var block = [UInt8](repeating: 0, count: 65_536)
        let count = block.withUnsafeMutableBufferPointer { out in
            nghttp2_hd_deflate_hd(deflater, out.baseAddress, out.count, &records, records.count)
        }
        return Array(block[..<max(0, count)])
    }
}

/// Our decoder beside nghttp2's: the same fields, or both refuse.
@Suite struct HeaderBlockFuzzTests {
    private static let names = [
        ":method", ":path", ":authority", ":status", "accept", "cookie", "user-agent", "x", "x-a-name-of-some-length",
        "if-none-match", "content-length", "te", "priority", "Upper", "",
    ]

    private func randomFields(_ random: inout FuzzRandom) -> [(name: [UInt8], value: [UInt8])] {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in
            let longest = [3, 3, 40, 300, 1300].randomElement(using: &random) ?? 3
            let highest: UInt8 = Bool.random(using: &random) ? 0x7A : 0xFF
            let value = (0..<Int.random(in: 0...longest, using: &random)).map { _ in
                // Few different values of small size, so that entries are found again.
                longest == 3 ? UInt8(ascii: "a") : UInt8.random(in: 0x20...highest, using: &random)
            }
            return (Array((Self.names.randomElement(using: &random) ?? "x").utf8), value)
        }
    }

    @Test func whatAnEncoderSendsOnOneConnection() {
        var random = FuzzRandom(seed: 3)
        var references = 0
        for _ in 0..<60 {
            let encoder = PeerEncoder()
            let peer = PeerDecoder()
            let own = OwnDecoder()
            for _ in 0..<60 {
                if Int.random(in: 0..<8, using: &random) == 0 {
                    encoder.resize(to: Int.random(in: 0...4096, using: &random))
                }
                let fields = randomFields(&random)
                let block = encoder.encode(fields)
                if block.contains(where: { $0 > 0x80 + 61 }) { references += 1 }
                let expected = fields.flatMap { [$0.name, $0.value] }
                let isSame = own.decode(block) == expected && peer.decode(block) == expected
                #expect(isSame)
                guard isSame else { return }
            }
        }
        #expect(references > 1000)
    }

    /// Blocks with damage, each behind some whole ones of the same connection and before another.
    @Test func damagedBlocks() {
        var random = FuzzRandom(seed: 5)
        var refused = 0
        var decoded = 0
        for _ in 0..<1500 {
            let encoder = PeerEncoder()
            let peer = PeerDecoder()
            let own = OwnDecoder()
            for _ in 0..<6 {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    encoder.resize(to: Int.random(in: 0...4096, using: &random))
                }
                var block = encoder.encode(randomFields(&random))
                if Bool.random(using: &random), !block.isEmpty {
                    for _ in 0...Int.random(in: 0...2, using: &random) {
                        let place = Int.random(in: 0..<block.count, using: &random)
                        block[place] = UInt8.random(in: 0...255, using: &random)
                    }
                    if Int.random(in: 0..<4, using: &random) == 0 {
                        block.removeLast(Int.random(in: 0...block.count, using: &random))
                    }
                }
                let expected = peer.decode(block)
                let isSame = own.decode(block) == expected
                #expect(isSame)
                guard isSame else { return }
                guard expected != nil else {
                    refused += 1
                    break
                }
                decoded += 1
            }
        }
        #expect(refused > 200 && decoded > 2000)
    }

    @Test func anyBytes() {
        let corpus: [[UInt8]] = [
            PeerEncoder().encode([(Array(":path".utf8), Array("/a/b?c".utf8)), (Array("x".utf8), Array("yy".utf8))]),
            [0x3F, 0xE1, 0x1F, 0x20, 0x40, 0x01, 0x61, 0x81, 0x1F, 0xBE, 0xFF, 0x80, 0x80, 0x00],
            [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x1F, 0x00, 0x00, 0x0F, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00],
        ]
        let problem = Fuzzer(corpus: corpus).run(iterations: 20_000) { block, _ in
            guard block.count <= 16_384 else { return nil }
            return OwnDecoder().decode(block) == PeerDecoder().decode(block) ? nil : "the fields are others"
        }
        #expect(problem == nil)
    }
}
