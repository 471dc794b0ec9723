// SPDX-License-Identifier: Apache-2.0
//
// The response head under construction. One per loop, reused for every response: `begin`, `add`…, then
// `Exchange.send` serialises it at once. The scratch memory is fixed; a field that does not fit is a bug
// of ours (the fields of a stored response are limited where they are parsed).

import CNGHTTP2

/// Collects the fields of one response without allocating.
public final class ResponseBuilder {
    static let fieldsMax = 128
    private static let scratchBytes = 4096

    let records: UnsafeMutablePointer<nghttp2_nv>
    private(set) var count = 0
    private(set) public var status = 0
    private let scratch: UnsafeMutablePointer<UInt8>
    private var scratchUsed = 0

    init() {
        records = .allocate(capacity: Self.fieldsMax)
        records.initialize(
            repeating: nghttp2_nv(name: nil, value: nil, namelen: 0, valuelen: 0, flags: 0), count: Self.fieldsMax)
        scratch = .allocate(capacity: Self.scratchBytes)
    }

    deinit {
        records.deallocate()
        scratch.deallocate()
    }

    func begin(status: Int) {
        precondition((100...999).contains(status))
        self.status = status
        count = 0
        scratchUsed = 0
        add(":status", number: status)
    }

    /// Adds all fields of a block, which must live until the response has been sent.
    @inline(__always)
    public func add(_ block: FieldBlock) {
        precondition(count + block.count <= Self.fieldsMax)
        (records + count).update(from: block.records, count: block.count)
        count += block.count
    }

    public func add(_ name: StaticString, _ value: StaticString) {
        append(name, value.utf8Start, value.utf8CodeUnitCount, flags: FieldBlock.noCopy)
    }

    /// Adds a field whose value is copied.
    public func add(_ name: StaticString, bytes value: UnsafeRawBufferPointer) {
        let start = reserve(value.count)
        UnsafeMutableRawPointer(start).copyMemory(
            from: value.baseAddress ?? UnsafeRawPointer(start), byteCount: value.count)
        append(name, start, value.count, flags: FieldBlock.noCopyName)
    }

    /// Adds a field whose value is a text that is copied.
    public func add(_ name: StaticString, text: String) {
        var text = text
        text.withUTF8 { add(name, bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Adds a field whose value is a number of at least zero.
    public func add(_ name: StaticString, number: Int) {
        let start = scratch + scratchUsed
        let length = write(number)
        append(name, start, length, flags: FieldBlock.noCopyName)
    }

    /// Adds `content-range: bytes first-last/length`, or `bytes */length` without a range (RFC 9110 section 14.4).
    public func addContentRange(_ range: Range<Int>?, length: Int) {
        let start = scratch + scratchUsed
        var total = write("bytes ")
        if let range {
            total += write(range.lowerBound)
            total += write("-")
            total += write(range.upperBound - 1)
        } else {
            total += write("*")
        }
        total += write("/")
        total += write(length)
        append("content-range", start, total, flags: FieldBlock.noCopyName)
    }

    private func append(_ name: StaticString, _ value: UnsafePointer<UInt8>, _ length: Int, flags: UInt8) {
        precondition(count < Self.fieldsMax)
        records[count] = nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.utf8Start), value: UnsafeMutablePointer(mutating: value),
            namelen: name.utf8CodeUnitCount, valuelen: length, flags: flags)
        count += 1
    }

    private func reserve(_ length: Int) -> UnsafeMutablePointer<UInt8> {
        precondition(scratchUsed + length <= Self.scratchBytes)
        defer { scratchUsed += length }
        return scratch + scratchUsed
    }

    private func write(_ text: StaticString) -> Int {
        let length = text.utf8CodeUnitCount
        reserve(length).update(from: text.utf8Start, count: length)
        return length
    }

    private func write(_ number: Int) -> Int {
        precondition(number >= 0)
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let start = reserve(digits)
        rest = number
        for index in stride(from: digits - 1, through: 0, by: -1) {
            start[index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        return digits
    }
}
