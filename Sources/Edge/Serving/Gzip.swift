// SPDX-License-Identifier: Apache-2.0
//
// One-shot compression by zlib. Unsafe because zlib reads and writes raw memory; both buffers outlive the call.

import CZlib
import Net

enum Gzip {
    private static let level: Int32 = 6

    /// The `length` bytes of `source`, which must be complete, in gzip's format (RFC 1952). Nil when zlib has no memory,
    /// the source fails, or the result would not be smaller.
    static func compress(_ source: BodySource, length: Int) -> [UInt8]? {
        var stream = z_stream()
        guard spw_deflate_init_gzip(&stream, level) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        // No more room than the source takes: what does not fit does not pay.
        let output = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, length))
        defer { output.deallocate() }
        stream.next_out = output
        stream.avail_out = UInt32(clamping: length)
        var position = 0
        while position < length {
            guard case .bytes(let window) = source.window(at: position), let base = window.baseAddress else {
                return nil
            }
            let count = min(window.count, length - position)
            position += count
            stream.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(clamping: count)
            let result = deflate(&stream, position == length ? Z_FINISH : Z_NO_FLUSH)
            if position == length { return result == Z_STREAM_END ? copy(output, stream) : nil }
            guard result == Z_OK, stream.avail_in == 0 else { return nil }
        }
        return nil
    }

    private static func copy(_ output: UnsafeMutablePointer<UInt8>, _ stream: z_stream) -> [UInt8] {
        Array(UnsafeBufferPointer(start: output, count: Int(stream.total_out)))
    }
}
