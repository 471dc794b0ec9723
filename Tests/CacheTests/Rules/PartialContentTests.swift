// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct ContentRangeTests {
    @Test(
        arguments: [
            ("bytes 0-4/10", 0..<5, 10), ("BYTES 9-9/10", 9..<10, 10), ("bytes 4-9/*", 4..<10, nil),
            ("bytes 0-999999999999999998/999999999999999999", 0..<999_999_999_999_999_999, 999_999_999_999_999_999),
        ] as [(String, Range<Int>, Int?)])
    func rangesAreRead(value: String, range: Range<Int>, total: Int?) {
        let read = ContentRange(bytes(value))
        #expect(read?.range == range)
        #expect(read?.total == total)
    }

    @Test func anUnsatisfiedRangeTellsTheLength() {
        #expect(ContentRange(bytes("bytes */10"))?.total == 10)
        #expect(ContentRange(bytes("bytes */10"))?.range == nil)
    }

    @Test(arguments: [
        "", "bytes", "bytes ", "bytes 0-4", "bytes 4-3/10", "bytes 0-10/10", "bytes */*", "bytes -4/10", "bytes 0-/10",
        "bytes=0-4/10", "items 0-4/10", "bytes 0-4/x", "bytes 0-4/10/10", "bytes 0-4/-10", "bytes  0-4/10",
        "bytes 0-4 /10",
        "bytes 0-4/1000000000000000000", "bytes 0-0x4/10",
    ])
    func anythingElseIsNone(value: String) {
        #expect(ContentRange(bytes(value)) == nil)
    }
}

@Suite struct PartialContentTests {
    private let stored = PartialContent.Stored(validators: StoredValidators(lines(["ETag: \"a\""])), total: 1000)

    private func judge(
        _ fields: String..., asked: UpstreamRange = .bytes(100..<200), length: Int? = nil,
        stored: PartialContent.Stored? = nil
    ) -> PartialContent {
        PartialContent(asked: asked, fields: lines(fields), contentLength: length, stored: stored)
    }

    @Test func piecesOfTheSameRepresentationAreCombined() {
        #expect(
            judge("Content-Range: bytes 100-199/1000", "ETag: \"a\"", length: 100, stored: stored)
                == .combine(range: 100..<200, total: 1000))
        #expect(
            judge("Content-Range: bytes 100-149/1000", "ETag: \"a\"", stored: stored)
                == .combine(range: 100..<150, total: 1000))
        let fields = ["Last-Modified: \(date(-9))", "Date: \(date(0))"]
        let dated = PartialContent.Stored(validators: StoredValidators(lines(fields)), total: 1000)
        #expect(
            judge("Content-Range: bytes 100-199/1000", fields[0], fields[1], stored: dated)
                == .combine(range: 100..<200, total: 1000))
    }

    @Test(arguments: [
        ["ETag: \"b\""], ["ETag: W/\"a\""], ["ETag: a"], [], ["Last-Modified: \(date(-9))", "Date: \(date(0))"],
    ])
    func otherPiecesReplaceWhatIsStored(fields: [String]) {
        let all = lines(["Content-Range: bytes 100-199/1000"] + fields)
        let verdict = PartialContent(asked: .bytes(100..<200), fields: all, contentLength: 100, stored: stored)
        #expect(verdict == .replace(range: 100..<200, total: 1000))
    }

    @Test func anotherLengthIsAnotherRepresentation() {
        #expect(
            judge("Content-Range: bytes 100-199/999", "ETag: \"a\"", stored: stored)
                == .replace(range: 100..<200, total: 999))
        #expect(judge("Content-Range: bytes 100-199/999") == .replace(range: 100..<200, total: 999))
    }

    @Test func whatIsNotTheAnswerIsNotStored() {
        #expect(judge("X: y") == .ignore)
        #expect(judge("Content-Type: multipart/byteranges; boundary=x") == .ignore)
        #expect(judge("Content-Range: bytes 100-199/*") == .ignore)
        #expect(judge("Content-Range: bytes */1000") == .ignore)
        #expect(judge("Content-Range: bytes 100-199/1000", "Content-Range: bytes 100-199/1000") == .ignore)
        #expect(judge("Content-Range: bytes 100-199/1000", length: 99) == .ignore)
        #expect(judge("Content-Range: bytes 101-199/1000") == .ignore)
        #expect(judge("Content-Range: bytes 0-199/1000") == .ignore)
        #expect(judge("Content-Range: bytes 100-200/1000") == .ignore)
    }

    @Test func suffixesAreMeasuredFromTheEnd() {
        func suffix(_ range: String, _ length: Int) -> PartialContent {
            judge("Content-Range: bytes \(range)", asked: .suffix(length: length))
        }
        #expect(suffix("5-9/10", 5) == .replace(range: 5..<10, total: 10))
        #expect(suffix("0-9/10", 50) == .replace(range: 0..<10, total: 10))
        #expect(suffix("4-9/10", 5) == .ignore)
        #expect(suffix("4-8/10", 5) == .ignore)
    }
}

@Suite struct SliceRangeTests {
    private static let slice = SliceRange.sliceBytes

    @Test(
        arguments: [
            (.closed(first: 0, last: 0), nil, 0..<slice), (.closed(first: slice - 1, last: slice), nil, 0..<2 * slice),
            (.closed(first: slice, last: 2 * slice - 1), nil, slice..<2 * slice),
            (.closed(first: 0, last: .max), 1000, 0..<1000),
            (.closed(first: 5 * slice, last: .max), 6 * slice + 7, 5 * slice..<6 * slice + 7),
            (.from(first: 0), nil, 0..<4 * slice), (.from(first: 1), nil, 0..<5 * slice),
            (.from(first: 3 * slice), 3 * slice + 1, 3 * slice..<3 * slice + 1),
            (.suffix(length: 1), 3 * slice, 2 * slice..<3 * slice), (.suffix(length: .max), 10, 0..<10),
            (.suffix(length: slice + 1), 3 * slice, slice..<3 * slice),
        ] as [(RequestedRange, Int?, Range<Int>)])
    func wholeSlicesAreFetched(requested: RequestedRange, total: Int?, expected: Range<Int>) {
        #expect(
            SliceRange.plan(requested, total: total, readAheadBytes: 4 * Self.slice) == .fetch(.bytes(expected)))
    }

    @Test func aSuffixOfUnknownLengthIsFetchedAsItIs() {
        #expect(SliceRange.plan(.suffix(length: 5), total: nil, readAheadBytes: 0) == .fetch(.suffix(length: 5)))
    }

    @Test(
        arguments: [
            (.closed(first: 10, last: 20), 10), (.from(first: 10), 10), (.from(first: 0), 0), (.suffix(length: 0), 10),
            (.suffix(length: 5), 0), (.closed(first: 5, last: 4), nil), (.from(first: .max), nil),
            (.from(first: -1), nil),
            (.suffix(length: -1), nil), (.closed(first: .max, last: .max), nil),
        ] as [(RequestedRange, Int?)])
    func nothingIsFetchedForNothing(requested: RequestedRange, total: Int?) {
        #expect(SliceRange.plan(requested, total: total, readAheadBytes: 1) == .unsatisfiable)
    }

    @Test func readingAheadHasALimitAndDoesNotOverflow() {
        #expect(SliceRange.plan(.from(first: 0), total: nil, readAheadBytes: 0) == .fetch(.bytes(0..<Self.slice)))
        #expect(SliceRange.plan(.from(first: 0), total: 9, readAheadBytes: .max) == .fetch(.bytes(0..<9)))
        #expect(SliceRange.plan(.from(first: 0), total: nil, readAheadBytes: .min) == .fetch(.bytes(0..<Self.slice)))
    }

    @Test func rangesAreWritten() {
        #expect(text(UpstreamRange.bytes(0..<262_144).fieldValue) == "bytes=0-262143")
        #expect(text(UpstreamRange.suffix(length: 5).fieldValue) == "bytes=-5")
    }

    @Test func slicesAreCounted() {
        let slice = Self.slice
        #expect(SliceRange.slices(of: 0..<1) == 0..<1)
        #expect(SliceRange.slices(of: slice - 1..<slice + 1) == 0..<2)
        #expect(SliceRange.slices(of: slice..<slice).isEmpty)
        #expect(SliceRange.wholeSlices(of: 1..<3 * slice, total: nil) == 1..<3)
        #expect(SliceRange.wholeSlices(of: 0..<slice + 5, total: nil) == 0..<1)
        #expect(SliceRange.wholeSlices(of: 0..<slice + 5, total: slice + 5) == 0..<2)
        #expect(SliceRange.wholeSlices(of: 5..<9, total: 9).isEmpty)
        #expect(SliceRange.wholeSlices(of: 0..<0, total: 0).isEmpty)
    }

    @Test func theFirstGapIsFound() {
        let held: Set<Int> = [0, 1, 4]
        #expect(SliceRange.firstMissing(in: 0..<6) { held.contains($0) } == 2..<4)
        #expect(SliceRange.firstMissing(in: 3..<6) { held.contains($0) } == 3..<4)
        #expect(SliceRange.firstMissing(in: 5..<9) { held.contains($0) } == 5..<9)
        #expect(SliceRange.firstMissing(in: 0..<2) { held.contains($0) } == nil)
    }
}
