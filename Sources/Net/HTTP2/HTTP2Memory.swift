// SPDX-License-Identifier: Apache-2.0
//
// The memory of all HTTP/2 sessions of one loop. nghttp2 makes and frees five small blocks for each stream; from
// here they come off a free list, so that a request allocates nothing. Owned by the loop's server and touched on
// its thread alone; it outlives every session made with it. Unsafe because blocks are raw memory with a header
// of ours in front; the rule that keeps it sound: only nghttp2 takes and returns blocks, through these functions.

import CNGHTTP2
import Glibc

/// Free lists of blocks of 64 bytes to 2 KiB for nghttp2 (`nghttp2_mem`): what it needs for a stream. The larger ones
/// are made once for a connection and come from the system in their exact size.
final class HTTP2Memory {
    /// What the callbacks work on; at a stable address so that they need no reference counting.
    fileprivate struct State {
        var free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
        var keptBytes = 0
    }

    fileprivate static let smallestShift = 6
    fileprivate static let classCount = 6
    /// In front of each block: the number of its size class. Sixteen bytes keep the alignment of malloc.
    fileprivate static let headerBytes = 16
    /// Free blocks beyond this are given back to the system.
    fileprivate static let keptBytesMax = 8 << 20

    private let state: UnsafeMutablePointer<State>
    private var functions: nghttp2_mem

    init() {
        let free = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: Self.classCount)
        free.initialize(repeating: nil, count: Self.classCount)
        state = .allocate(capacity: 1)
        state.initialize(to: State(free: free))
        functions = nghttp2_mem(
            mem_user_data: state, malloc: takeBlock, free: giveBlock, calloc: takeZeroed, realloc: growBlock)
    }

    deinit {
        for index in 0..<Self.classCount {
            while let block = state.pointee.free[index] {
                state.pointee.free[index] = block.load(as: UnsafeMutableRawPointer?.self)
                Glibc.free(block - Self.headerBytes)
            }
        }
        state.pointee.free.deallocate()
        state.deallocate()
    }

    /// A server session with the callbacks and options given, nil when there is no memory. nghttp2 copies both tables.
    func makeServerSession(callbacks: OpaquePointer, option: OpaquePointer?) -> OpaquePointer? {
        var session: OpaquePointer?
        guard nghttp2_session_server_new3(&session, callbacks, nil, option, &functions) == 0 else { return nil }
        return session
    }
}

extension HTTP2Memory.State {
    /// The size class that holds `count` bytes; `classCount` when none does.
    @inline(__always)
    private static func sizeClass(_ count: Int) -> Int {
        guard count > 1 << HTTP2Memory.smallestShift else { return 0 }
        let shift = Int.bitWidth - (count - 1).leadingZeroBitCount
        return min(shift - HTTP2Memory.smallestShift, HTTP2Memory.classCount)
    }

    @inline(__always)
    fileprivate mutating func take(_ count: Int) -> UnsafeMutableRawPointer? {
        let sizeClass = Self.sizeClass(count)
        if sizeClass < HTTP2Memory.classCount, let block = free[sizeClass] {
            free[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
            keptBytes -= 1 << (sizeClass + HTTP2Memory.smallestShift)
            return block
        }
        let bytes = sizeClass < HTTP2Memory.classCount ? 1 << (sizeClass + HTTP2Memory.smallestShift) : count
        guard count < .max - HTTP2Memory.headerBytes, let memory = malloc(bytes + HTTP2Memory.headerBytes) else {
            return nil
        }
        memory.storeBytes(of: sizeClass, as: Int.self)
        return memory + HTTP2Memory.headerBytes
    }

    @inline(__always)
    fileprivate mutating func give(_ block: UnsafeMutableRawPointer) {
        let memory = block - HTTP2Memory.headerBytes
        let sizeClass = memory.load(as: Int.self)
        let bytes = 1 << (min(sizeClass, HTTP2Memory.classCount) + HTTP2Memory.smallestShift)
        guard sizeClass < HTTP2Memory.classCount, keptBytes + bytes <= HTTP2Memory.keptBytesMax else {
            return Glibc.free(memory)
        }
        block.storeBytes(of: free[sizeClass], as: UnsafeMutableRawPointer?.self)
        free[sizeClass] = block
        keptBytes += bytes
    }

    fileprivate mutating func grow(_ block: UnsafeMutableRawPointer, to count: Int) -> UnsafeMutableRawPointer? {
        let memory = block - HTTP2Memory.headerBytes
        let sizeClass = memory.load(as: Int.self)
        if sizeClass == HTTP2Memory.classCount {
            // A block of its own: the system knows its size. It stays one, however small it becomes.
            return realloc(memory, max(count, 1) + HTTP2Memory.headerBytes).map { $0 + HTTP2Memory.headerBytes }
        }
        let held = 1 << (sizeClass + HTTP2Memory.smallestShift)
        guard count > held else { return block }
        guard let larger = take(count) else { return nil }
        larger.copyMemory(from: block, byteCount: held)
        give(block)
        return larger
    }
}

private let takeBlock: nghttp2_malloc = { size, state in
    state?.assumingMemoryBound(to: HTTP2Memory.State.self).pointee.take(size)
}

private let giveBlock: nghttp2_free = { block, state in
    guard let block else { return }
    state?.assumingMemoryBound(to: HTTP2Memory.State.self).pointee.give(block)
}

private let takeZeroed: nghttp2_calloc = { count, size, state in
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow, let block = state?.assumingMemoryBound(to: HTTP2Memory.State.self).pointee.take(bytes) else {
        return nil
    }
    memset(block, 0, bytes)
    return block
}

private let growBlock: nghttp2_realloc = { block, size, state in
    guard let block else { return takeBlock(size, state) }
    return state?.assumingMemoryBound(to: HTTP2Memory.State.self).pointee.grow(block, to: size)
}
