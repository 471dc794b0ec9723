// SPDX-License-Identifier: Apache-2.0

/// The heads of requests and trailers, field by field as nghttp2 decodes them.
extension HTTP2Session {
    func beginHead() {
        let buffer = headBuffer ?? connection.server.headerPool.take()
        headBuffer = buffer
        head = RequestHead()
        headMemory = HeadMemory(buffer, capacity: headerBytesMax)
        headCounted = 0
        headFields = 0
        isTargetTooLong = false
    }

    func releaseHead() {
        if let headBuffer { connection.server.headerPool.give(headBuffer) }
        headBuffer = nil
    }

    /// Takes one field of the head. What is over the limit is counted and dropped; the request gets 431.
    func takeField(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        headCounted += name.count + value.count + 32
        headFields += 1
        guard headCounted <= headerBytesMax, name.count > 0 else { return refuseBomb(name, value) }
        let isKept: Bool
        if name[0] == UInt8(ascii: ":") {
            isKept = takePseudoField(name, value)
        } else {
            isKept = head.take(.init(lowercaseName: name), value, memory: &headMemory, copies: true)
        }
        // Values that are kept are never longer than what was counted; only lists joined again and again are.
        if !isKept { headCounted = .max / 2 }
    }

    /// A field beyond the limit. A head that goes on and on, each of its bytes standing for a whole line of the
    /// decoder's table, is worth no answer.
    private func refuseBomb(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if name.equals(":path") { isTargetTooLong = value.count > targetBytesMax }
        if headCounted > Self.headBytesFactor * headerBytesMax { flood = .headerList }
    }

    private func takePseudoField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        // nghttp2 lets no others pass than these and `:scheme`: their lengths tell them apart, but for one.
        switch name.count {
        case 5:
            isTargetTooLong = value.count > targetBytesMax
            guard let value = headMemory.keep(value) else { return false }
            head.target = value
        case 7 where name.equals(":method"): head.method = Method(value)
        case 10:
            guard let value = headMemory.keep(value) else { return false }
            head.authority = value
        default: break
        }
        return true
    }
}
