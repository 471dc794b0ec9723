// SPDX-License-Identifier: Apache-2.0

/// Tells on a cleartext connection, by its first bytes, whether the client speaks HTTP/2 with prior knowledge
/// (RFC 9113 section 3.3). Pure: fed with what arrives, in any pieces, until it knows.
///
/// What has matched so far is a part of the preface, so nothing needs to be kept: the session that is chosen is given
/// those bytes of `preface` first and then the piece that decided.
struct PrefaceDetector {
    enum Verdict: Equatable {
        case undecided
        case http1
        case http2
    }

    /// RFC 9113 section 3.4.
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Bytes of the preface that earlier pieces had.
    private(set) var matchedCount = 0

    /// Looks at the next piece; it is counted as matched only while the verdict is open.
    mutating func take(_ piece: UnsafeRawBufferPointer) -> Verdict {
        let rest = UnsafeRawBufferPointer(
            start: Self.preface.utf8Start + matchedCount, count: Self.preface.utf8CodeUnitCount - matchedCount)
        let compared = min(rest.count, piece.count)
        guard piece.prefix(compared).elementsEqual(rest.prefix(compared)) else { return .http1 }
        if compared == rest.count { return .http2 }
        matchedCount += compared
        return .undecided
    }

    /// What earlier pieces had.
    var matched: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: Self.preface.utf8Start, count: matchedCount)
    }
}
