// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A video as the API shows it.
struct VideoJSON: Encodable {
    var id: String
    var title: String
    var description: String
    var status: String
    /// True from the first published segments on: playback may be asked for.
    var playable: Bool
    var progressPercent: Double
    /// Null unless PROCESSING, and while the speed is not known.
    var secondsLeft: Double?
    /// How far each rendition is; empty unless PROCESSING.
    var rungs: [Rung]
    /// Null unless FAILED.
    var failureReason: String?
    /// Null until READY, like the three below.
    var durationSeconds: Double?
    var width: Int?
    var height: Int?
    /// The sizes that can be played, the smallest first.
    var renditions: [String]
    var posterUrl: String?
    /// Four silent seconds; null until READY, and for sound alone.
    var previewUrl: String?
    var createdAt: String
    var updatedAt: String

    struct Rung: Encodable {
        var name: String
        var progressPercent: Double
        var secondsLeft: Double?
    }

    init(_ video: Video, renditions: [String], publicURL: String) {
        let isReady = video.status == .ready
        id = video.id
        title = video.title
        description = video.description
        status = video.status.rawValue
        playable = video.isPlayable
        progressPercent = (video.progressPercent * 10).rounded() / 10
        secondsLeft = video.secondsLeft.map { $0.rounded(.up) }
        rungs = video.rungs.map {
            Rung(name: $0.name, progressPercent: $0.percent, secondsLeft: $0.secondsLeft.map { $0.rounded(.up) })
        }
        failureReason = video.status == .failed ? video.failureReason : nil
        durationSeconds = isReady ? Double(video.durationMilliseconds) / 1000 : nil
        width = isReady && video.width > 0 ? video.width : nil
        height = isReady && video.height > 0 ? video.height : nil
        self.renditions = renditions
        posterUrl = isReady ? posterURL(video.id, publicURL) : nil
        previewUrl = video.hasPictures ? "\(publicURL)/v1/videos/\(video.id)/preview.mp4" : nil
        createdAt = timestamp(video.createdMilliseconds)
        updatedAt = timestamp(video.updatedMilliseconds)
    }

    // Written out, because an absent value is `null` here, not a missing key.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(id, forKey: .id)
        try fields.encode(title, forKey: .title)
        try fields.encode(description, forKey: .description)
        try fields.encode(status, forKey: .status)
        try fields.encode(playable, forKey: .playable)
        try fields.encode(progressPercent, forKey: .progressPercent)
        try fields.encode(secondsLeft, forKey: .secondsLeft)
        try fields.encode(rungs, forKey: .rungs)
        try fields.encode(failureReason, forKey: .failureReason)
        try fields.encode(durationSeconds, forKey: .durationSeconds)
        try fields.encode(width, forKey: .width)
        try fields.encode(height, forKey: .height)
        try fields.encode(renditions, forKey: .renditions)
        try fields.encode(posterUrl, forKey: .posterUrl)
        try fields.encode(previewUrl, forKey: .previewUrl)
        try fields.encode(createdAt, forKey: .createdAt)
        try fields.encode(updatedAt, forKey: .updatedAt)
    }

    private enum CodingKeys: String, CodingKey {
        case id, title, description, status, playable, progressPercent, secondsLeft, rungs, failureReason,
            durationSeconds, width, height
        case renditions, posterUrl, previewUrl, createdAt, updatedAt
    }
}

extension Video {
    /// Whether sprites and a preview have been made of it: of finished videos with a picture.
    var hasPictures: Bool { status == .ready && width > 0 }
}

/// Where a video's poster is to be had.
func posterURL(_ id: String, _ publicURL: String) -> String { "\(publicURL)/v1/videos/\(id)/poster.jpg" }

/// RFC 3339 of wall-clock milliseconds.
func timestamp(_ milliseconds: Int64) -> String {
    formatTimestamp(seconds: milliseconds / 1000, milliseconds: milliseconds % 1000)
}

/// The JSON text of a value, on one line, with sorted keys.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// A JSON answer that no cache keeps.
func jsonResponse(_ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) throws
    -> Response
{
    var headers = headers
    headers[.contentType] = "application/json"
    headers[.cacheControl] = "no-store"
    let body = ResponseBody(byteBuffer: ByteBuffer(string: try jsonText(value)))
    return Response(status: status, headers: headers, body: body)
}
