// SPDX-License-Identifier: Apache-2.0

/// The name and the values of `:status` as bytes that stay where they are, for nghttp2's records.
final class StatusTexts {
    private static let first = 100
    private static let count = 900

    private let bytes: UnsafeMutablePointer<UInt8>

    init() {
        bytes = .allocate(capacity: 7 + 3 * Self.count)
        let text = Array(":status".utf8) + (Self.first..<Self.first + Self.count).flatMap { Array("\($0)".utf8) }
        bytes.initialize(from: text, count: text.count)
    }

    deinit {
        bytes.deallocate()
    }

    var name: UnsafeMutablePointer<UInt8> { bytes }

    /// The three digits of a status from 100 to 999.
    func value(_ status: Int) -> UnsafeMutablePointer<UInt8> {
        bytes + 7 + 3 * (status - Self.first)
    }
}
