// SPDX-License-Identifier: Apache-2.0

import Net

/// Why a response is an error of ours, for `Proxy-Status` (RFC 9209 section 2.3).
enum ProxyError: UInt8, CaseIterable {
    case none
    case destinationUnavailable, connectionRefused, connectionTimeout, connectionTerminated, connectionLimitReached
    case responseTimeout, protocolError, tlsError, incompleteResponse, loopDetected, internalError

    init(_ failure: UpstreamFailure) {
        switch failure {
        case .connectFailed: self = .connectionRefused
        case .connectTimeout: self = .connectionTimeout
        case .closedBeforeResponse: self = .connectionTerminated
        case .firstByteTimeout, .stallTimeout: self = .responseTimeout
        case .malformed: self = .protocolError
        case .closedInBody: self = .incompleteResponse
        case .overloaded: self = .connectionLimitReached
        case .cancelled: self = .internalError
        case .tls: self = .tlsError
        }
    }

    /// The error type's registered name; empty for none.
    var text: String {
        switch self {
        case .none: ""
        case .destinationUnavailable: "destination_unavailable"
        case .connectionRefused: "connection_refused"
        case .connectionTimeout: "connection_timeout"
        case .connectionTerminated: "connection_terminated"
        case .connectionLimitReached: "connection_limit_reached"
        case .responseTimeout: "http_response_timeout"
        case .protocolError: "http_protocol_error"
        case .tlsError: "tls_certificate_error"
        case .incompleteResponse: "http_response_incomplete"
        case .loopDetected: "proxy_loop_detected"
        case .internalError: "proxy_internal_error"
        }
    }
}
