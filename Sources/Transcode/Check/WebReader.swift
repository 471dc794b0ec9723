// SPDX-License-Identifier: Apache-2.0
//
// Owns one libcurl handle, and with it the connections to servers; both end with the reader. Used by one thread.

import CCurl
import HLS

/// Reads a presentation from a server by HTTP, as a player would: with gzip for playlists, following redirects.
final class WebReader: ResourceReader {
    private static let connectSecondsMax = 10
    /// A transfer that is slower than this for so long is ended.
    private static let slowestBytesPerSecond = 1_000
    private static let slowSecondsMax = 20
    private static let redirectsMax = 5

    private let curl: UnsafeMutableRawPointer

    /// What one transfer brought.
    private final class Content {
        var bytes: [UInt8] = []
        let bytesMax: Int
        var isTooLarge = false

        init(bytesMax: Int) {
            self.bytesMax = bytesMax
        }
    }

    /// `authorities` is a PEM file of the certificate authorities to trust; nil for those of the system.
    init(authorities: String?) throws(CleanError) {
        guard let curl = curl_easy_init() else { throw CleanError("libcurl could not be started.") }
        self.curl = curl
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_FOLLOWLOCATION, 1)
        set(CURLOPT_MAXREDIRS, Self.redirectsMax)
        set(CURLOPT_CONNECTTIMEOUT, Self.connectSecondsMax)
        set(CURLOPT_LOW_SPEED_LIMIT, Self.slowestBytesPerSecond)
        set(CURLOPT_LOW_SPEED_TIME, Self.slowSecondsMax)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        set(CURLOPT_USERAGENT, "Spillway-check")
        if let authorities { set(CURLOPT_CAINFO, authorities) }
    }

    deinit { curl_easy_cleanup(curl) }

    private func set(_ option: CURLoption, _ value: Int) { _ = spw_curl_set_long(curl, option, value) }
    private func set(_ option: CURLoption, _ value: String?) { _ = spw_curl_set_text(curl, option, value) }

    func read(_ request: CheckRequest) -> CheckResponse {
        let content = Content(bytesMax: request.bytesMax)
        set(CURLOPT_URL, request.address)
        set(CURLOPT_ACCEPT_ENCODING, request.kind == .playlist ? "gzip" : nil)
        set(CURLOPT_RANGE, request.range.map { "\($0.lowerBound)-\(max($0.lowerBound, $0.upperBound - 1))" })
        let code = withExtendedLifetime(content) {
            _ = spw_curl_set_receiver(
                curl,
                { bytes, size, count, context in
                    guard let bytes, let context else { return 0 }
                    let content = Unmanaged<Content>.fromOpaque(context).takeUnretainedValue()
                    let length = size * count
                    guard content.bytes.count + length <= content.bytesMax else {
                        content.isTooLarge = true
                        return 0
                    }
                    content.bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: length))
                    return length
                }, Unmanaged.passUnretained(content).toOpaque())
            return curl_easy_perform(curl)
        }
        if content.isTooLarge { return .failure("it has more than \(request.bytesMax) bytes") }
        guard code == CURLE_OK else { return .failure(String(cString: curl_easy_strerror(code))) }
        return response(to: request, content.bytes)
    }

    private func response(to request: CheckRequest, _ bytes: [UInt8]) -> CheckResponse {
        let status = spw_curl_long(curl, CURLINFO_RESPONSE_CODE)
        guard status == 200 || status == 206 && request.range != nil else { return .failure("the status is \(status)") }
        var bytes = bytes
        // A server may send all of it instead of the range.
        if status == 200, let range = request.range {
            bytes = Array(bytes[range.clamped(to: bytes.indices)])
        }
        let type = header("Content-Type").map { $0.prefix { $0 != ";" && $0 != " " }.lowercased() }
        let address = spw_curl_text(curl, CURLINFO_EFFECTIVE_URL).map { String(cString: $0) } ?? request.address
        return .content(
            bytes,
            Delivery(
                address: address, contentType: type, contentEncoding: header("Content-Encoding"),
                redirects: spw_curl_long(curl, CURLINFO_REDIRECT_COUNT)))
    }

    /// A field of the last response.
    private func header(_ name: String) -> String? {
        var found: UnsafeMutablePointer<curl_header>?
        guard curl_easy_header(curl, name, 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK,
            let value = found?.pointee.value
        else { return nil }
        return String(cString: value)
    }
}
