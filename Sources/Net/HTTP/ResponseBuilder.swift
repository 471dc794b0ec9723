// SPDX-License-Identifier: Apache-2.0
//
// The response head under construction. One per loop, reused for every response: `begin`, `add`…, then
// `Exchange.send` takes the bytes over at once. The fields are written in the encoding of the exchange's protocol
// version: lines for HTTP/1.1, literals without indexing for HTTP/2. The memory is fixed; a head that does not fit is
// a bug of ours (the fields of a stored response are limited where they are parsed).

/// Collects the fields of one response without allocating.
public final class ResponseBuilder {
    /// A head of this size still goes out as one HEADERS frame, and fits the room that `canEmit` promises.
    static let bytesMax = 16_000

    private let start: UnsafeMutableRawPointer
    private var count = 0
    private var isHTTP2 = false
    private(set) public var status = 0

    private let age = FieldBlock([(Array("age".utf8), [])])
    private let contentLength = FieldBlock([(Array("content-length".utf8), [])])
    /// The date of the present second, made once.
    private var date = FieldBlock([])
    private var dateSeconds: Int64 = -1
    private let contentRange = FieldBlock([(Array("content-range".utf8), [])])

    init() {
        start = .allocate(byteCount: Self.bytesMax, alignment: 16)
    }

    deinit {
        start.deallocate()
    }

    /// The fields as they stand.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    func begin(status: Int, isHTTP2: Bool) {
        precondition((100...999).contains(status))
        self.status = status
        self.isHTTP2 = isHTTP2
        count = 0
    }

    /// Adds all fields of a block.
    @inline(__always)
    public func add(_ block: FieldBlock) {
        append(isHTTP2 ? block.fragment : block.lines)
    }

    /// Adds `age`, in seconds.
    @inline(__always)
    public func addAge(_ seconds: Int) { add(age, number: seconds) }

    /// Adds `content-length`.
    @inline(__always)
    public func addContentLength(_ length: Int) { add(contentLength, number: length) }

    /// Adds `date`, which every response of our own needs (RFC 9110 section 6.6.1).
    public func addDate(_ seconds: Int64) {
        if seconds != dateSeconds {
            dateSeconds = seconds
            date = FieldBlock([(Array("date".utf8), Array(formatHTTPDate(seconds: seconds).utf8))])
        }
        add(date)
    }

    /// Adds `content-range: bytes first-last/length`, or `bytes */length` without a range (RFC 9110 section 14.4).
    public func addContentRange(_ range: Range<Int>?, length: Int) {
        begin(contentRange)
        let valueStart = openValue()
        append("bytes ")
        if let range {
            append(number: range.lowerBound)
            append("-")
            append(number: range.upperBound - 1)
        } else {
            append("*")
        }
        append("/")
        append(number: length)
        closeValue(valueStart)
    }

    public func add(_ name: StaticString, _ value: StaticString) {
        add(name, bytes: UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// Adds a field; `name` is a lower-case token. Allocates: for answers that are not made often.
    public func add(_ name: StaticString, bytes value: UnsafeRawBufferPointer) {
        let name = Array(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        add(FieldBlock([(name, Array(value))]))
    }

    /// Adds a field whose value is a text.
    public func add(_ name: StaticString, text: String) {
        var text = text
        text.withUTF8 { add(name, bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Adds a field whose value is a number of at least zero.
    public func add(_ name: StaticString, number: Int) {
        add(name, text: "\(number)")
    }

    // MARK: Values made in place

    @inline(__always)
    private func add(_ name: FieldBlock, number: Int) {
        begin(name)
        let valueStart = openValue()
        append(number: number)
        closeValue(valueStart)
    }

    /// Appends the name of a block with one field and an empty value: all but the value's own framing.
    @inline(__always)
    private func begin(_ name: FieldBlock) {
        let bytes = isHTTP2 ? name.fragment : name.lines
        // The last bytes are the value's length, or the line's end.
        append(bytes.slice(0..<bytes.count - (isHTTP2 ? 1 : 2)))
    }

    /// Leaves room for the value's length in HTTP/2: one byte, for values shorter than 127 (RFC 7541 section 5.2).
    @inline(__always)
    private func openValue() -> Int {
        if isHTTP2 { append(byte: 0) }
        return count
    }

    @inline(__always)
    private func closeValue(_ valueStart: Int) {
        if isHTTP2 {
            precondition(count - valueStart < 127)
            start.storeBytes(of: UInt8(count - valueStart), toByteOffset: valueStart - 1, as: UInt8.self)
        } else {
            append("\r\n")
        }
    }

    @inline(__always)
    private func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(count + bytes.count <= Self.bytesMax)
        guard let base = bytes.baseAddress else { return }
        (start + count).copyMemory(from: base, byteCount: bytes.count)
        count += bytes.count
    }

    private func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    private func append(byte: UInt8) {
        precondition(count < Self.bytesMax)
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    private func append(number: Int) {
        precondition(number >= 0)
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        precondition(count + digits <= Self.bytesMax)
        rest = number
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            start.storeBytes(of: UInt8(0x30 + rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
        count += digits
    }
}
