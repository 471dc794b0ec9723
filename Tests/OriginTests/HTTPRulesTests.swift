// SPDX-License-Identifier: Apache-2.0

import Backends
import HTTPTypes
import Testing

@testable import Origin

/// Ranges, conditions and dates of HTTP, as rules without a server.
@Suite struct HTTPRulesTests {
    @Test func rangesAreReadAsRFC9110Says() {
        func range(_ header: String?, size: Int64 = 100) -> ByteRange { ByteRange(header: header, size: size) }
        #expect(range(nil) == .whole)
        #expect(range("bytes=0-9") == .part(first: 0, last: 9))
        #expect(range("bytes=90-") == .part(first: 90, last: 99))
        #expect(range("bytes=90-1000") == .part(first: 90, last: 99))
        #expect(range("bytes=-10") == .part(first: 90, last: 99))
        #expect(range("bytes=-1000") == .part(first: 0, last: 99))
        #expect(range("bytes=99-99") == .part(first: 99, last: 99))
        #expect(range("bytes=100-") == .unsatisfiable)
        #expect(range("bytes=-0") == .unsatisfiable)
        #expect(range("bytes=0-", size: 0) == .unsatisfiable)
        #expect(range("bytes=99999999999999999999-") == .unsatisfiable)
        #expect(range("bytes=0-99999999999999999999") == .part(first: 0, last: 99))
        for ignored in [
            "bytes=9-0", "bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=a-b", "bytes= 0-1", "items=0-1", "bytes=+1-2",
        ] {
            #expect(range(ignored) == .whole, "\(ignored)")
        }
    }

    let info = ObjectInfo(
        key: "k", size: 100, etag: "abc", contentType: "video/mp4", cacheControl: "max-age=1",
        modifiedMilliseconds: 784_111_777_900)

    func answer(_ headers: HTTPFields) -> (status: Int, range: Range<Int64>) {
        let response = ObjectResponse(info, request: headers)
        return (response.status.code, response.range)
    }

    @Test func conditionsAreWeighedBeforeRanges() {
        #expect(answer([:]) == (200, 0..<100))
        #expect(answer([.range: "bytes=5-9"]) == (206, 5..<10))
        #expect(answer([.range: "bytes=100-"]) == (416, 0..<0))
        #expect(answer([.ifNoneMatch: "\"abc\"", .range: "bytes=5-9"]) == (304, 0..<0))
        #expect(answer([.ifNoneMatch: "\"x\", W/\"abc\""]) == (304, 0..<0))
        #expect(answer([.ifNoneMatch: "*"]) == (304, 0..<0))
        #expect(answer([.ifNoneMatch: "\"x\"", .ifModifiedSince: "Sun, 06 Nov 1994 08:49:37 GMT"]) == (200, 0..<100))
        #expect(answer([.ifModifiedSince: "Sun, 06 Nov 1994 08:49:37 GMT"]) == (304, 0..<0))
        #expect(answer([.ifModifiedSince: "Sun, 06 Nov 1994 08:49:36 GMT"]) == (200, 0..<100))
        #expect(answer([.ifModifiedSince: "yesterday"]) == (200, 0..<100))
        #expect(answer([.ifMatch: "\"x\""]) == (412, 0..<0))
        #expect(answer([.ifMatch: "\"abc\""]) == (200, 0..<100))
        #expect(answer([.ifRange: "\"abc\"", .range: "bytes=5-9"]) == (206, 5..<10))
        #expect(answer([.ifRange: "\"old\"", .range: "bytes=5-9"]) == (200, 0..<100))
        #expect(answer([.ifRange: "Sun, 06 Nov 1994 08:49:37 GMT", .range: "bytes=5-9"]) == (206, 5..<10))
    }

    @Test func datesSurviveTheRoundTrip() throws {
        for seconds: Int64 in [0, 784_111_777, 951_782_400, 1_709_210_096, 4_102_444_799] {
            let time = CalendarTime(seconds: seconds)
            #expect(time.seconds == seconds)
            #expect(try #require(CalendarTime(httpDate: time.httpDate)) == time)
        }
        #expect(CalendarTime(seconds: 784_111_777).httpDate == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(CalendarTime(httpDate: "Sun, 31 Feb 2021 08:49:37 GMT") == nil)
        #expect(CalendarTime(httpDate: "") == nil)
    }

    @Test func deliveryMapsOnlyPlainPaths() {
        #expect(DeliveryEndpoint.objectKey("/v/a/480p/0.m4s")?.key == "v/a/480p/0.m4s")
        #expect(DeliveryEndpoint.objectKey("/v/a/master.m3u8")?.id == "a")
        for hostile in [
            "/", "/v", "/v/a", "/v/a/", "/v//x", "/v/../x", "/v/a/../b", "/v/a/%2e%2e/b", "/v/a/b%00", "/x/a/b",
            "v/a/b", "/v/a/b\\c", "/v/a/./b", "//v/a/b", "/v/a/b+json",
        ] {
            #expect(DeliveryEndpoint.objectKey(hostile) == nil, "\(hostile)")
        }
    }

    @Test func secretsAreComparedWhole() {
        let keys = APIKeys([(name: "a", secret: "secret-1"), (name: "b", secret: "secret-2")])
        #expect(keys.name(ofSecret: "secret-2") == "b")
        for wrong in ["", "secret-", "secret-3", "secret-22", "SECRET-2"] { #expect(keys.name(ofSecret: wrong) == nil) }
    }
}
