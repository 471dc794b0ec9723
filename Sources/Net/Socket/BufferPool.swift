// SPDX-License-Identifier: Apache-2.0
//
// Raw memory of one size for one loop. Unsafe because the bytes are filled by the kernel, OpenSSL and
// memcpy; the rule that keeps it sound: whoever took a buffer gives it back once, and a pool outlives
// every buffer taken from it.

/// A free list of equal raw buffers, owned by one loop's thread.
final class BufferPool {
    let bufferBytes: Int
    private var free: [UnsafeMutableRawPointer] = []
    private let keepMax: Int
    private var buffersOut = 0

    /// Bytes of the buffers that are in use.
    var bytesOut: Int { buffersOut * bufferBytes }

    /// Keeps at most `keepMax` unused buffers of `bufferBytes`; more are given back to the system.
    init(bufferBytes: Int, keepMax: Int) {
        self.bufferBytes = bufferBytes
        self.keepMax = keepMax
        free.reserveCapacity(keepMax)
    }

    deinit {
        for buffer in free { buffer.deallocate() }
    }

    func take() -> UnsafeMutableRawPointer {
        buffersOut += 1
        if let buffer = free.popLast() { return buffer }
        return .allocate(byteCount: bufferBytes, alignment: 64)
    }

    func give(_ buffer: UnsafeMutableRawPointer) {
        buffersOut -= 1
        if free.count < keepMax { free.append(buffer) } else { buffer.deallocate() }
    }
}
