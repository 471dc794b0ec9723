// SPDX-License-Identifier: Apache-2.0
//
// Owns one HPACK decoder of nghttp2, which lives as long as the connection whose heads it reads, and is used only there.

import CNGHTTP2

/// Finds `:status` in the field blocks of one connection (RFC 7541).
final class StatusDecoder {
    private let inflater: OpaquePointer

    /// Nil when there is no memory.
    init?() {
        var inflater: OpaquePointer?
        guard nghttp2_hd_inflate_new(&inflater) == 0, let inflater else { return nil }
        self.inflater = inflater
        // As the client's SETTINGS say.
        _ = nghttp2_hd_inflate_change_table_size(inflater, 0)
    }

    deinit {
        nghttp2_hd_inflate_del(inflater)
    }

    /// The status of a whole field block; 0 when it has none, as trailers; nil when it is no field block.
    func decode(_ block: [UInt8]) -> Int? {
        var status = 0
        var offset = 0
        let isGood = block.withUnsafeBufferPointer { bytes in
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let used = nghttp2_hd_inflate_hd2(
                    inflater, &field, &flags, bytes.baseAddress.map { $0 + offset }, bytes.count - offset, 1)
                guard used >= 0 else { return false }
                offset += used
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 { status = Self.status(field) ?? status }
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { return true }
                guard used > 0 || flags != 0 else { return false }
            }
        }
        _ = nghttp2_hd_inflate_end_headers(inflater)
        return isGood ? status : nil
    }

    private static func status(_ field: nghttp2_nv) -> Int? {
        let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
        guard name.elementsEqual(":status".utf8) else { return nil }
        return Int(String(decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen), as: UTF8.self))
    }
}
