// SPDX-License-Identifier: Apache-2.0

/// What becomes of a request's content when the handler asks for it.
public enum ContentCollection: Sendable, Equatable {
    /// The request has none: it can be acted upon now.
    case none
    /// It is longer than the handler takes, or there is no memory for it: answer now, with 413 or 503.
    case refused(ContentFailure)
    /// It is kept as it comes; `RequestHandler.contentComplete` or `contentFailed` tells of its end.
    case collecting
}

/// Why a request's content was not collected to its end.
public enum ContentFailure: Sendable, Equatable {
    /// It is longer than the handler takes (413).
    case tooLarge
    /// Too much content of other requests is in memory (503).
    case noMemory
    /// Its chunks are malformed (400).
    case malformed

    public var status: Int {
        switch self {
        case .tooLarge: 413
        case .noMemory: 503
        case .malformed: 400
        }
    }
}
