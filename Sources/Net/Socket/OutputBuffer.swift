// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What waits to be written to a socket: a window of one pooled buffer, which is held only while there is
/// something to send. A plain record, kept in memory that its connection owns, so that OpenSSL's write
/// callback can append to it through a pointer.
struct OutputBuffer {
    enum FlushResult {
        case drained
        case wouldBlock
        case failed
    }

    private(set) var base: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private var start = 0
    private var end = 0

    var count: Int { end - start }
    var free: Int { capacity - end }

    /// Takes a buffer from `pool` unless one is held.
    @inline(__always)
    mutating func hold(from pool: BufferPool) {
        guard base == nil else { return }
        base = pool.take()
        capacity = pool.bufferBytes
    }

    /// Gives the buffer back; what was not written is lost.
    mutating func release(to pool: BufferPool) {
        guard let held = base else { return }
        pool.give(held)
        base = nil
        capacity = 0
        start = 0
        end = 0
    }

    /// Appends all of `bytes`, or nothing and false when they do not fit.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        guard let base, count <= free else { return false }
        base.advanced(by: end).copyMemory(from: bytes, byteCount: count)
        end += count
        return true
    }

    /// Where the next bytes go, for who writes them in place and then calls `commit`; nil when no buffer is held.
    @inline(__always)
    var tail: UnsafeMutableRawPointer? { base.map { $0 + end } }

    /// Counts bytes that were written at `tail`; at most `free`.
    @inline(__always)
    mutating func commit(_ count: Int) {
        precondition(count <= free)
        end += count
    }

    /// Writes as much as the socket takes.
    mutating func flush(to descriptor: Int32) -> FlushResult {
        guard let base else { return .drained }
        while start < end {
            let written = spw_write(descriptor, base + start, end - start)
            if written == -Int(EAGAIN) { return .wouldBlock }
            if written < 0 { return .failed }
            start += written
        }
        start = 0
        end = 0
        return .drained
    }
}
