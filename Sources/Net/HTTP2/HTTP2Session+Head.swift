// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2

/// The heads of requests and trailers, field by field as they are decoded.
extension HTTP2Session {
    @inline(__always)
    func beginHead() {
        head = RequestHead()
        headMemory = HeadMemory(headScratch, capacity: headerBytesMax)
        headCounted = 0
        headFields = 0
        isTargetTooLong = false
        rules = MessageRules()
        priority = nil
    }

    /// Takes one field of the head. What is over the limit is counted and dropped; the request gets 431.
    @inline(__always)
    func takeField(_ field: HeaderField) {
        headCounted += field.name.count + field.value.count + 32
        headFields += 1
        guard headCounted <= headerBytesMax else { return refuseBomb(field.name, field.value) }
        guard !rules.isMalformed, rules.take(field) else { return }
        // Values that are kept are never longer than what was counted; only lists joined again and again are.
        if !keep(field) { headCounted = .max / 2 }
    }

    /// A field beyond the limit. A head that goes on and on, each of its bytes standing for a whole line of the
    /// decoder's table, is worth no answer.
    private func refuseBomb(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if name.equals(":path") { isTargetTooLong = value.count > targetBytesMax }
        if headCounted > Self.headBytesFactor * headerBytesMax { flood = .headerList }
    }

    @inline(__always)
    private func keep(_ field: HeaderField) -> Bool {
        switch field.kind {
        case .pseudo(let pseudo):
            guard let value = field.isValueStable ? field.value : headMemory.keep(field.value) else { return false }
            keep(pseudo, value)
            return true
        case .regular(let known):
            guard let kept = headMemory.keepField(field.name, field.value) else { return false }
            return head.take(known, kept, memory: &headMemory)
        case .priority: priority = PriorityField(field.value)
        case .contentLength, .transferCodings, .malformed: break
        }
        return headMemory.keepField(field.name, field.value) != nil
    }

    @inline(__always)
    private func keep(_ field: MessageRules.PseudoField, _ value: UnsafeRawBufferPointer) {
        switch field {
        case .path:
            isTargetTooLong = value.count > targetBytesMax
            head.target = value
        case .method:
            head.method = Method(value)
            head.methodName = value
        case .authority: head.authority = value
        case .scheme: break
        }
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
        guard endsStream, rules.isTrailer else { return resetMalformed(streamID) }
        endContent(streamID: streamID)
    }

    /// The message is malformed (RFC 9113 section 8.1.1).
    func resetMalformed(_ streamID: Int32) {
        countFault()
        _ = nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), streamID, NGHTTP2_PROTOCOL_ERROR.rawValue)
    }
}
