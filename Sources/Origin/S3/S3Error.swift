// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// An error as S3 answers it: a code that clients know, a status and a sentence.
struct S3Error: Error, Equatable {
    var status: HTTPResponse.Status
    var code: String
    var message: String

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    static func accessDenied(_ message: String) -> S3Error { S3Error(.forbidden, "AccessDenied", message) }

    static func invalidArgument(_ message: String) -> S3Error { S3Error(.badRequest, "InvalidArgument", message) }

    static let invalidAccessKeyId = S3Error(
        .forbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")

    static let signatureDoesNotMatch = S3Error(
        .forbidden, "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )

    static let requestTimeTooSkewed = S3Error(
        .forbidden, "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.")

    static let noSuchKey = S3Error(.notFound, "NoSuchKey", "The specified key does not exist.")

    static let noSuchBucket = S3Error(.notFound, "NoSuchBucket", "The specified bucket does not exist")

    static let methodNotAllowed = S3Error(
        .methodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    static func notImplemented(_ what: String) -> S3Error {
        S3Error(.notImplemented, "NotImplemented", "\(what) is not implemented by this endpoint.")
    }

    static let missingContentLength = S3Error(
        .lengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")

    static let entityTooLarge = S3Error(
        .contentTooLarge, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")

    static let incompleteBody = S3Error(
        .badRequest, "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header.")

    static let contentHashMismatch = S3Error(
        .badRequest, "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.")

    static func badDigest(_ name: String) -> S3Error {
        S3Error(.badRequest, "BadDigest", "The \(name) you specified did not match the calculated checksum.")
    }

    static let internalError = S3Error(
        .internalServerError, "InternalError", "We encountered an internal error. Please try again.")

    /// The XML document of the error.
    func xml(resource: String, requestID: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>\(code)</Code><Message>\(xmlEscape(message))</Message><Resource>\(xmlEscape(resource))</Resource>\
        <RequestId>\(xmlEscape(requestID))</RequestId></Error>
        """
    }
}

/// A text as XML character data; characters that XML 1.0 does not know are replaced.
func xmlEscape(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": out += "&amp;"
        case "<": out += "&lt;"
        case ">": out += "&gt;"
        case "\"": out += "&quot;"
        case "\t", "\n", "\r": out.unicodeScalars.append(scalar)
        case let control where control.value < 0x20: out += "?"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out
}
