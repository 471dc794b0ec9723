// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct PrefaceDetectorTests {
    private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Feeds the bytes in two pieces.
    private func verdict(_ bytes: [UInt8], cut: Int) -> PrefaceDetector.Verdict {
        var detector = PrefaceDetector()
        for piece in [bytes[..<cut], bytes[cut...]] {
            let verdict = piece.withUnsafeBytes { detector.take($0) }
            guard verdict == .undecided else { return verdict }
        }
        return .undecided
    }

    @Test func aPrefaceIsHTTP2HoweverItIsCut() {
        for cut in 0...preface.count {
            #expect(verdict(preface, cut: cut) == .http2)
            #expect(verdict(preface + Array("more".utf8), cut: cut) == .http2)
        }
    }

    @Test func aPartIsUndecided() {
        for count in 0..<preface.count {
            for cut in 0...count { #expect(verdict(Array(preface[..<count]), cut: cut) == .undecided) }
        }
    }

    @Test func anyOtherByteIsHTTP1AndWhatMatchedIsKnown() {
        for place in preface.indices {
            var bytes = preface
            bytes[place] ^= 1
            for cut in 0...bytes.count { #expect(verdict(bytes, cut: cut) == .http1) }
            var detector = PrefaceDetector()
            for byte in bytes {
                if withUnsafeBytes(of: byte, { detector.take($0) }) == .http1 { break }
            }
            #expect(Array(detector.matched) == Array(preface[..<place]))
        }
    }
}
