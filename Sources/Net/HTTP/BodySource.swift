// SPDX-License-Identifier: Apache-2.0

/// The bytes of a response body, read by position. A subclass may still be receiving them.
///
/// Read on any loop's thread; a subclass that is filled by another thread publishes its progress with
/// release/acquire ordering.
open class BodySource {
    /// What there is to read at a position.
    public enum Window {
        /// At least one byte, contiguous, valid as long as the source is referenced.
        case bytes(UnsafeRawBufferPointer)
        /// Not there yet: the reader is told when to come back.
        case pending
        /// The body ends here, complete.
        case end
        /// The body will never be whole: the response must be cut off, not ended.
        case failed
    }

    public init() {}

    /// What there is at `offset`, at most up to the end of one contiguous piece.
    open func window(at offset: Int) -> Window { .end }
}

/// A body of bytes held in memory.
public final class BytesBody: BodySource {
    private let bytes: UnsafeRawBufferPointer

    public init(_ bytes: some Collection<UInt8>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        self.bytes = UnsafeRawBufferPointer(copy)
    }

    deinit {
        bytes.deallocate()
    }

    public var count: Int { bytes.count }

    public override func window(at offset: Int) -> Window {
        offset < bytes.count ? .bytes(bytes.slice(offset..<bytes.count)) : .end
    }
}
