// SPDX-License-Identifier: Apache-2.0
//
// Response fields that are made once and sent many times. The names and values lie in one allocation that
// the block owns; nghttp2's name/value records point into it, so a response copies 40 bytes a field and no
// text. Immutable after init: it may be shared by all threads, and dies with its last reference.

import CNGHTTP2

/// An immutable list of response fields, names in lower case.
///
/// `@unchecked Sendable` because nothing is written after `init`.
public final class FieldBlock: @unchecked Sendable {
    let records: UnsafeMutablePointer<nghttp2_nv>
    public let count: Int
    private let storage: UnsafeMutableRawBufferPointer

    /// Copies the fields. Names must be lower-case tokens and values valid field values: the parsers and
    /// the configuration have checked them.
    public init(_ fields: [(name: [UInt8], value: [UInt8])]) {
        count = fields.count
        records = .allocate(capacity: max(1, fields.count))
        let bytes = fields.reduce(0) { $0 + $1.name.count + $1.value.count }
        storage = .allocate(byteCount: max(1, bytes), alignment: 1)
        var offset = 0
        func place(_ text: [UInt8]) -> UnsafeMutablePointer<UInt8> {
            let start = storage.baseAddress! + offset
            text.withUnsafeBytes {
                start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count)
            }
            offset += text.count
            return start.assumingMemoryBound(to: UInt8.self)
        }
        for (index, field) in fields.enumerated() {
            let name = place(field.name)
            let value = place(field.value)
            (records + index).initialize(
                to: nghttp2_nv(
                    name: name, value: value, namelen: field.name.count, valuelen: field.value.count,
                    flags: FieldBlock.noCopy))
        }
    }

    deinit {
        records.deinitialize(count: count)
        records.deallocate()
        storage.deallocate()
    }

    /// The memory outlives the frame, so nghttp2 need not copy it.
    static let noCopy = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
    /// The name is a literal, the value lies in scratch memory.
    static let noCopyName = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
}
