// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import NIOCore

/// The embedded S3 endpoint: PUT, GET, HEAD and DELETE of an object, with Signature Version 4 on each.
///
/// It exists so that uploads go the same way here as with a large S3 store: browsers, curl and SDKs send a file to a
/// presigned URL, never through the API. Operations on buckets and multipart uploads answer NotImplemented.
struct S3Endpoint: Sendable {
    static let buckets: Set<String> = ["uploads", "media"]

    let store: any ObjectStore
    /// Knows which uploads are open.
    let catalog: any Catalog
    let verifier: S3Verifier
    let uploadBytesMax: Int
    let metrics: OriginMetrics
    /// Seconds since 1970; tests bring their own.
    var clock: @Sendable () -> Int64 = Clock.wallSeconds

    /// Answers a request, errors included.
    func respond(to request: Request, requestID: String) async -> Response {
        var response: Response
        if request.method == .options {
            response = preflight(request)
        } else {
            do {
                response = try await answer(request)
            } catch {
                response = self.response(for: error, request, requestID)
            }
        }
        response.headers[.amzRequestID] = requestID
        if request.headers[.origin] != nil {
            response.headers[.accessControlAllowOrigin] = "*"
            response.headers[.accessControlExposeHeaders] = "ETag, x-amz-request-id"
        }
        return response
    }

    /// True when a client that waits with its body (`Expect: 100-continue`) should send it: the head alone shows that
    /// it will be taken.
    func wantsBody(of head: HTTPRequest) -> Bool {
        guard head.method == .put, let target = try? S3Target(head.path ?? ""),
            (try? target.requireObject(buckets: Self.buckets)) != nil,
            let verified = try? verifier.verify(head, target: target, now: clock())
        else { return false }
        return (try? S3Upload.announcedBytes(head, verified.payload, max: uploadBytesMax)) != nil
    }

    private func answer(_ request: Request) async throws -> Response {
        let target = try S3Target(request.head.path ?? "")
        let verified = try verifier.verify(request.head, target: target, now: clock())
        try target.requireObject(buckets: Self.buckets)
        for unsupported in ["uploads", "uploadId", "partNumber", "acl", "tagging", "versionId"] {
            if target.query(unsupported) != nil { throw S3Error.notImplemented("The parameter \(unsupported)") }
        }
        do {
            switch request.method {
            case .put: return try await put(request, target, verified)
            case .get, .head: return try await get(request, target)
            case .delete:
                try await store.delete(bucket: target.bucket, key: target.key)
                return Response(status: .noContent)
            default: throw S3Error.methodNotAllowed
            }
        } catch ObjectStoreError.notFound {
            throw S3Error.noSuchKey
        }
    }

    private func put(_ request: Request, _ target: S3Target, _ verified: S3VerifiedRequest) async throws -> Response {
        guard request.headers[.amzCopySource] == nil else { throw S3Error.notImplemented("CopyObject") }
        try await requireOpenUpload(target)
        var upload = try S3Upload(request.head, payload: verified.payload, bytesMax: uploadBytesMax)
        let writer = try await store.create(
            bucket: target.bucket, key: target.key,
            contentType: request.headers[.contentType] ?? "application/octet-stream",
            cacheControl: request.headers[.cacheControl] ?? "")
        do {
            for try await buffer in request.body {
                try buffer.withUnsafeReadableBytes { bytes in
                    try upload.feed(bytes) { try writer.write($0) }
                }
            }
            try upload.finish()
            // Again, because the body may have taken an hour.
            try await requireOpenUpload(target)
        } catch {
            await writer.abort()
            switch error {
            case is S3Error, is ObjectStoreError, is BackendError, is AWSChunkedDecoder.Failure: throw error
            // The connection broke: nobody reads this answer, but the log should not call it our fault.
            default: throw S3Error.incompleteBody
            }
        }
        let info = try await writer.commit()
        metrics.countUploaded(bytes: info.size)
        return Response(status: .ok, headers: [.eTag: "\"\(info.etag)\""])
    }

    /// A raw file may come as long as its video is UPLOADING. Later it would change under the worker's hands, or stay
    /// for ever because nobody knows it.
    private func requireOpenUpload(_ target: S3Target) async throws {
        guard target.bucket == "uploads" else { return }
        let id = String(target.key.prefix { $0 != "/" })
        if target.key == OriginAPI.rawKey(id), try await catalog.videos(ids: [id]).first?.status == .uploading {
            return
        }
        throw S3Error.accessDenied("This upload is not open")
    }

    private func get(_ request: Request, _ target: S3Target) async throws -> Response {
        let reader = try await store.open(bucket: target.bucket, key: target.key)
        let object = ObjectResponse(reader.info, request: request.headers)
        switch object.status {
        case .preconditionFailed:
            throw S3Error(
                .preconditionFailed, "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold")
        case .rangeNotSatisfiable:
            throw S3Error(.rangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
        default: return object.response(reader: reader, isHead: request.method == .head)
        }
    }

    private func response(for error: any Error, _ request: Request, _ requestID: String) -> Response {
        let answer: S3Error
        switch error {
        case let error as S3Error: answer = error
        case ObjectStoreError.invalidName(let problem): answer = .invalidArgument(problem)
        case AWSChunkedDecoder.Failure.signatureMismatch: answer = .signatureDoesNotMatch
        case AWSChunkedDecoder.Failure.malformed(let problem):
            answer = S3Error(.badRequest, "InvalidRequest", "The aws-chunked body is malformed: \(problem).")
        default:
            answer = .internalError
            Log.error("an S3 request failed", ["request": requestID, "reason": "\(error)"])
        }
        let path = String((request.head.path ?? "").prefix { $0 != "?" })
        let headers: HTTPFields = [.contentType: "application/xml"]
        guard request.method != .head else { return Response(status: answer.status, headers: headers) }
        let xml = answer.xml(resource: path, requestID: requestID)
        return Response(
            status: answer.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: xml)))
    }

    /// Browsers ask before they PUT across origins. Everyone may: what counts is the signature.
    private func preflight(_ request: Request) -> Response {
        var headers: HTTPFields = [
            .accessControlAllowOrigin: "*",
            .accessControlAllowMethods: "GET, HEAD, PUT, DELETE",
            .accessControlMaxAge: "600",
        ]
        if let asked = request.headers[.accessControlRequestHeaders] { headers[.accessControlAllowHeaders] = asked }
        return Response(status: .noContent, headers: headers)
    }
}

extension HTTPField.Name {
    static let amzCopySource = Self("x-amz-copy-source")!
}
