// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2

/// The heads of requests and trailers, field by field as nghttp2 decodes them.
extension HTTP2Session {
    func beginHead(isTrailer: Bool) {
        let buffer = headBuffer ?? connection.server.headerPool.take()
        headBuffer = buffer
        head = RequestHead()
        headMemory = HeadMemory(buffer, capacity: headerBytesMax)
        headCounted = 0
        headFields = 0
        isTargetTooLong = false
        rules = MessageRules(isTrailer: isTrailer)
        priority = nil
    }

    func releaseHead() {
        if let headBuffer { connection.server.headerPool.give(headBuffer) }
        headBuffer = nil
    }

    /// Takes one field of the head. What is over the limit is counted and dropped; the request gets 431.
    func takeField(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        headCounted += name.count + value.count + 32
        headFields += 1
        guard headCounted <= headerBytesMax else { return refuseBomb(name, value) }
        guard !rules.isMalformed else { return }
        let isKept: Bool
        if name.first == UInt8(ascii: ":") {
            guard let field = rules.takePseudoField(name, value) else { return }
            isKept = keep(field, value)
        } else {
            guard rules.takeField(name, value) else { return }
            if name.equals("priority") { priority = PriorityField(value) }
            if let kept = headMemory.keepField(name, value) {
                isKept = head.take(.init(lowercaseName: name), kept, memory: &headMemory)
            } else {
                isKept = false
            }
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

    private func keep(_ field: MessageRules.PseudoField, _ value: UnsafeRawBufferPointer) -> Bool {
        switch field {
        case .path:
            isTargetTooLong = value.count > targetBytesMax
            guard let value = headMemory.keep(value) else { return false }
            head.target = value
        case .method:
            head.method = Method(value)
            guard let value = headMemory.keep(value) else { return false }
            head.methodName = value
        case .authority:
            guard let value = headMemory.keep(value) else { return false }
            head.authority = value
        case .scheme: break
        }
        return true
    }

    /// A head is complete: a request, or trailers, which are read and dropped.
    func endHead(streamID: Int32, isTrailer: Bool, endsStream: Bool) {
        guard isTrailer else {
            guard headCounted > headerBytesMax || rules.isRequest(head, hasContent: !endsStream) else {
                return resetMalformed(streamID)
            }
            head.fields.storage = .entries(headMemory)
            return beginExchange(streamID: streamID, hasContent: !endsStream)
        }
        // RFC 9113 section 8.1: trailers are the end.
        guard endsStream, !rules.isMalformed else { return resetMalformed(streamID) }
        endContent(streamID: streamID)
    }

    /// The message is malformed (RFC 9113 section 8.1.1).
    func resetMalformed(_ streamID: Int32) {
        countFault()
        _ = nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), streamID, NGHTTP2_PROTOCOL_ERROR.rawValue)
    }
}
