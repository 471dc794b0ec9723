// SPDX-License-Identifier: Apache-2.0

@testable import HLS

/// One way to break one rule.
struct Breakage: Sendable, CustomStringConvertible {
    var rule: CheckRule
    /// What is broken, in short.
    var name: String
    /// Makes a good presentation, and breaks it.
    var make: @Sendable () -> GoodPresentation

    var description: String { "\(rule.rawValue): \(name)" }

    /// Breaks files that were made.
    init(_ rule: CheckRule, _ name: String, _ change: @escaping @Sendable (inout GoodPresentation) -> Void) {
        self.rule = rule
        self.name = name
        make = {
            var presentation = GoodPresentation()
            change(&presentation)
            return presentation
        }
    }

    /// Makes other files from the start.
    init(_ rule: CheckRule, shape name: String, _ change: @escaping @Sendable (inout GoodPresentation.Shape) -> Void) {
        self.rule = rule
        self.name = name
        make = { GoodPresentation(change) }
    }

    /// A server that does something wrong.
    init(_ rule: CheckRule, server name: String, _ change: @escaping @Sendable (inout Delivery) -> Void) {
        self.init(rule, name) { presentation in
            presentation.serve { change(&$0) }
        }
    }

    static let all = texts + mediaPlaylists + multivariants + segments + pictures + sounds + times + ladders + servers
}

extension GoodPresentation {
    /// Puts the presentation on a server that does everything right but what `change` does.
    mutating func serve(scheme: String = "https", _ change: @escaping @Sendable (inout Delivery) -> Void = { _ in }) {
        root = "\(scheme)://example.com/v/1/master.m3u8"
        delivery = { request in
            let type =
                switch request.kind {
                case .playlist: "application/vnd.apple.mpegurl"
                case .initialization: "video/mp4"
                case .segment: request.address.hasSuffix(".vtt") ? "text/vtt" : "video/iso.segment"
                case .key: "application/octet-stream"
                }
            var delivery = Delivery(
                address: request.address, contentType: type, contentEncoding: request.kind == .playlist ? "gzip" : nil,
                redirects: 0)
            change(&delivery)
            return delivery
        }
    }
}
