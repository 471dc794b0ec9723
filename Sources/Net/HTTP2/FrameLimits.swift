// SPDX-License-Identifier: Apache-2.0

/// What a client may make a server do on one HTTP/2 connection without asking for anything: each number is both the
/// burst that is allowed at once and what comes back in a minute. A connection beyond one of them is closed with
/// GOAWAY and ENHANCE_YOUR_CALM (RFC 9113 sections 7 and 10.5).
public struct FrameLimits: Sendable, Equatable {
    /// PING frames, each of which wants an answer.
    public var pingsPerMinute = 100
    /// SETTINGS frames, each of which wants an acknowledgement.
    public var settingsPerMinute = 30
    /// PRIORITY and PRIORITY_UPDATE frames.
    public var prioritiesPerMinute = 600
    /// Streams that the client resets (CVE-2023-44487).
    public var resetsPerMinute = 300
    /// Frames that make the server reset a stream, which costs as much (CVE-2025-8671), or that it must refuse.
    public var faultsPerMinute = 100
    /// Frames without use: DATA without a byte, and frames of unknown types.
    public var emptyFramesPerMinute = 100
    /// WINDOW_UPDATE frames, beside one for each KiB that was sent.
    public var windowUpdatesPerMinute = 3000
    /// CONTINUATION frames of one head.
    public var continuationsMax = 8

    public init() {}
}

/// What a connection was closed for.
public enum FloodKind: Int, Sendable, CaseIterable {
    case ping, settings, priority, reset, fault, emptyFrame, windowUpdate, continuation, headerList

    /// The name in metrics and logs.
    public var name: String {
        switch self {
        case .ping: "ping"
        case .settings: "settings"
        case .priority: "priority"
        case .reset: "reset"
        case .fault: "fault"
        case .emptyFrame: "empty_frame"
        case .windowUpdate: "window_update"
        case .continuation: "continuation"
        case .headerList: "header_list"
        }
    }
}
