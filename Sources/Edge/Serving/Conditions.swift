// SPDX-License-Identifier: Apache-2.0

import Net

/// The fields of a request that choose how an object is answered from, as views into the request.
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

/// The same, copied into one piece of memory, for a request that waits.
struct StoredConditions {
    private let bytes: [UInt8]
    /// Where each value ends; it begins where the one before ends.
    private let ends: [Int]

    init(_ conditions: Conditions) {
        let preconditions = conditions.preconditions
        let values = [
            conditions.range, conditions.ifRange, preconditions.ifMatch, preconditions.ifNoneMatch,
            preconditions.ifModifiedSince, preconditions.ifUnmodifiedSince, conditions.acceptEncoding,
        ]
        var bytes: [UInt8] = []
        ends = values.map { value in
            bytes.append(contentsOf: value)
            return bytes.count
        }
        self.bytes = bytes
    }

    func withViews<Result>(_ body: (Conditions) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            func value(_ index: Int) -> UnsafeRawBufferPointer {
                bytes.slice((index == 0 ? 0 : ends[index - 1])..<ends[index])
            }
            var conditions = Conditions()
            conditions.range = value(0)
            conditions.ifRange = value(1)
            conditions.preconditions = Preconditions(
                ifMatch: value(2), ifNoneMatch: value(3), ifModifiedSince: value(4), ifUnmodifiedSince: value(5))
            conditions.acceptEncoding = value(6)
            return body(conditions)
        }
    }
}
