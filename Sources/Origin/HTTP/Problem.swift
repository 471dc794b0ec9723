// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import NIOCore

/// An API error as RFC 9457 describes it: `application/problem+json`.
struct Problem: Error, Equatable {
    var status: HTTPResponse.Status
    /// The kind of problem: the last part of the `type` URI.
    var type: String
    /// The kind in words; the same for every problem of a type.
    var title: String
    /// What is wrong this time, for the person behind the client.
    var detail: String

    static func invalid(_ detail: String) -> Problem {
        Problem(status: .badRequest, type: "invalid-request", title: "The request is not valid", detail: detail)
    }

    static let videoNotFound = Problem(
        status: .notFound, type: "video-not-found", title: "There is no such video",
        detail: "No video has this identifier. It may have been deleted.")

    static let notFound = Problem(
        status: .notFound, type: "not-found", title: "There is nothing here", detail: "No resource has this address.")

    static func conflict(_ type: String, _ title: String, _ detail: String) -> Problem {
        Problem(status: .conflict, type: type, title: title, detail: detail)
    }

    static let unauthorized = Problem(
        status: .unauthorized, type: "unauthorized", title: "An API key is needed",
        detail: "Send a valid API key as `Authorization: Bearer SECRET`.")

    static let tooLarge = Problem(
        status: .contentTooLarge, type: "too-large", title: "The request is too large",
        detail: "A request body of at most \(APIRequestBody.bytesMax) bytes is accepted.")

    static let unavailable = Problem(
        status: .serviceUnavailable, type: "unavailable", title: "The service is not available",
        detail: "Something that this request needs does not work at the moment. Try again later.")

    var response: Response {
        let json =
            "{\"type\":\"urn:spillway:problem:\(type)\",\"title\":\(jsonString(title)),"
            + "\"status\":\(status.code),\"detail\":\(jsonString(detail))}"
        var headers: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        if status == .serviceUnavailable { headers[.retryAfter] = "1" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: json)))
    }

    /// What a client is told of any error. Faults of ours go to the log, not to the client.
    init(_ error: any Error, path: String) {
        switch error {
        case let problem as Problem: self = problem
        case BackendError.notFound: self = .videoNotFound
        case BackendError.conflict(let reason):
            self = .conflict("conflict", "The request does not fit the present state", reason)
        case let error as HTTPError where error.status == .notFound: self = .notFound
        case let error as HTTPError where error.status.kind == .clientError:
            self.init(
                status: error.status, type: "invalid-request", title: "The request is not valid",
                detail: error.body ?? error.status.reasonPhrase)
        default:
            Log.error("an API request failed", ["path": path, "reason": "\(error)"])
            self = .unavailable
        }
    }

    private init(status: HTTPResponse.Status, type: String, title: String, detail: String) {
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
    }
}
