// SPDX-License-Identifier: Apache-2.0

/// The reason phrases of the statuses that we send (RFC 9110 section 15).
func reasonPhrase(_ status: Int) -> StaticString {
    switch status {
    case 103: "Early Hints"
    case 200: "OK"
    case 204: "No Content"
    case 206: "Partial Content"
    case 201: "Created"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 410: "Gone"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 508: "Loop Detected"
    // A phrase may be empty (RFC 9112 section 4); an upstream's own is not kept.
    default: ""
    }
}
