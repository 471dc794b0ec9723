// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2
import Fuzzing
import Testing

@testable import Net

/// Damaged header blocks: nghttp2 reads the same fields from what the expander makes of a frame as from the frame itself.
@Suite struct HeaderBlockFuzzTests {
    /// Fields of a block, nil when nghttp2 refuses it.
    private func inflate(_ block: [UInt8]) -> [[UInt8]]? {
        var inflater: OpaquePointer?
        guard nghttp2_hd_inflate_new(&inflater) == 0 else { return nil }
        defer { nghttp2_hd_inflate_del(inflater) }
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
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { return fields }
                if used == 0, position == bytes.count { return nil }
            }
        }
    }

    private func deflate(_ fields: [(String, String)]) -> [UInt8] {
        var deflater: OpaquePointer?
        guard nghttp2_hd_deflate_new(&deflater, 4096) == 0 else { return [] }
        defer { nghttp2_hd_deflate_del(deflater) }
        var block = [UInt8](repeating: 0, count: 16_384)
        var count = 0
        for (name, value) in fields {
            var name = Array(name.utf8)
            var value = Array(value.utf8)
            name.withUnsafeMutableBufferPointer { name in
                value.withUnsafeMutableBufferPointer { value in
                    var field = nghttp2_nv(
                        name: name.baseAddress, value: value.baseAddress, namelen: name.count, valuelen: value.count,
                        flags: 0)
                    block.withUnsafeMutableBufferPointer { out in
                        count += max(
                            0, nghttp2_hd_deflate_hd(deflater, out.baseAddress! + count, out.count - count, &field, 1))
                    }
                }
            }
        }
        return Array(block[..<count])
    }

    /// The block of the frame that comes out for a frame of this block.
    private func expanded(_ block: [UInt8]) -> [UInt8]? {
        var expander = HeaderBlockExpander()
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: HeaderBlockExpander.frameBytesMax, alignment: 16)
        defer { scratch.deallocate() }
        let length = [UInt8(block.count >> 16), UInt8(block.count >> 8 & 255), UInt8(block.count & 255)]
        let input = [UInt8](repeating: 0x50, count: 24) + length + [1, 5, 0, 0, 0, 1] + block
        var output: [UInt8] = []
        input.withUnsafeBytes { view in
            var rest = view
            while !rest.isEmpty {
                let step = expander.next(rest, scratch: scratch)
                output += Array(step.bytes)
                rest = rest.slice(step.used..<rest.count)
            }
        }
        let frame = output.dropFirst(24)
        guard frame.count >= 9 else { return nil }
        let told = frame.prefix(3).reduce(0) { $0 << 8 | Int($1) }
        return told == frame.count - 9 ? Array(frame.dropFirst(9)) : nil
    }

    @Test func theFieldsStayTheSame() {
        let token =
            "/hdnts=exp=1999999999~acl=/v/abc/*~hmac=" + String(repeating: "0123456789abcdef", count: 4)
            + "/v/abc/0.m4s"
        let base = [(":method", "GET"), (":scheme", "https"), (":authority", "edge.example.net"), (":path", token)]
        let corpus = [
            deflate(base), deflate(base + [("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")]),
            deflate([
                ("cookie", String(repeating: "abcdefgh=12345678; ", count: 20)), (":path", token), (":path", token),
            ]),
            deflate([("x-\(String(repeating: "name", count: 20))", token)]),
        ]
        var readable = 0
        var changed = 0
        let problem = Fuzzer(corpus: corpus).run(iterations: 6_000) { block, _ in
            guard block.count <= 16_384 else { return nil }
            guard let after = expanded(block) else { return "the frame's length is wrong" }
            let fields = inflate(block)
            if fields != nil { readable += 1 }
            if after != block { changed += 1 }
            return inflate(after) == fields ? nil : "the fields are others"
        }
        #expect(problem == nil)
        #expect(readable > 50 && changed > 50)
    }
}
