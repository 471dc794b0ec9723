// SPDX-License-Identifier: Apache-2.0

import Net

/// An object, or some of its slices, to be stored.
struct DiskWrite: Sendable {
    /// The most that a key or a head may have.
    static let keyBytesMax = 64 << 10
    static let headBytesMax = 256 << 10

    var key: [UInt8]
    /// What the caller needs to make a response of the object again; the tier does not look into it.
    var head: [UInt8]
    /// Slices are added to an object of the same version and length; another version takes the object's place.
    var version: UInt64
    /// Of the whole body, in bytes.
    var length: Int
    /// Which slices to store; nil for all. Those that are on disk already are not written again.
    var slices: Range<Int>?
    /// Until when the object is fresh, in seconds since 1970.
    var freshUntilWallSeconds: UInt64
    /// Gives the bytes, by their place in the whole body. A slice whose bytes are not all there is left out.
    var body: any BodySource & Sendable
    /// Told by the writing thread: true once all is durable, false when it was given up.
    var onCommitted: (@Sendable (Bool) -> Void)?

    /// The slices to store.
    var sliceRange: Range<Int> {
        let all = 0..<DiskSlice.count(length)
        return slices?.clamped(to: all) ?? all
    }

    /// The bytes of the slices to store.
    var bodyBytes: Int {
        let range = sliceRange
        guard !range.isEmpty else { return 0 }
        return DiskSlice.range(range.upperBound - 1, length: length).upperBound - range.lowerBound * DiskSlice.byteCount
    }
}
