// SPDX-License-Identifier: Apache-2.0

import Net

/// What of a request chooses how it is answered, as views into the request.
struct Conditions {
    var range = UnsafeRawBufferPointer(start: nil, count: 0)
    var ifRange = UnsafeRawBufferPointer(start: nil, count: 0)
    var preconditions: Preconditions
    var acceptEncoding = UnsafeRawBufferPointer(start: nil, count: 0)

    @inline(__always)
    init(_ request: borrowing RequestHead) {
        range = request.range
        ifRange = request.ifRange
        preconditions = Preconditions(
            ifMatch: request.ifMatch, ifNoneMatch: request.ifNoneMatch, ifModifiedSince: request.ifModifiedSince,
            ifUnmodifiedSince: request.ifUnmodifiedSince)
        acceptEncoding = request.acceptEncoding
    }

    /// Of a request without any such field.
    init() {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        preconditions = Preconditions(ifMatch: none, ifNoneMatch: none, ifModifiedSince: none, ifUnmodifiedSince: none)
    }

    /// True when nothing can come but 200.
    @inline(__always)
    var isUnconditional: Bool { range.isEmpty && preconditions.isEmpty }
}
