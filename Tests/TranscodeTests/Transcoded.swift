// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// A clip and the folder that it became, read back from the files; made once for all tests.
struct Transcoded: Sendable {
    struct Rendition: Sendable {
        var name: String
        var playlist: MediaPlaylist
        var initialization: [UInt8]
        var timescale: Int
        var segments: [[UInt8]]

        func samples() throws -> [[Sample]] { try segments.map { try Fragments.samples(segment: $0) } }

        var seconds: Double { playlist.durationSeconds }
    }

    var folder: String
    var result: MediaResult
    var progress: [Double]
    var multivariant: MultivariantPlaylist
    /// Those with a picture.
    var variants: [Variant]
    /// Those of `variants`, in their order.
    var video: [Rendition]
    /// The default sound.
    var audio: Rendition?

    static func of(_ clip: Clip) throws -> Transcoded {
        switch clip {
        case .wide: try wide.get()
        case .upright: try upright.get()
        case .film: try film.get()
        case .rotated: try rotated.get()
        case .odd: try odd.get()
        case .varying: try varying.get()
        case .shortSound: try shortSound.get()
        }
    }

    // With B frames where the preset has them.
    private static let wide = Result { try Transcoded(.wide, preset: "veryfast") }
    private static let upright = Result { try Transcoded(.upright, preset: "ultrafast") }
    private static let film = Result { try Transcoded(.film, preset: "veryfast") }
    private static let rotated = Result { try Transcoded(.rotated, preset: "ultrafast") }
    private static let odd = Result { try Transcoded(.odd, preset: "veryfast") }
    private static let varying = Result { try Transcoded(.varying, preset: "veryfast") }
    private static let shortSound = Result { try Transcoded(.shortSound, preset: "ultrafast") }

    private init(_ clip: Clip, preset: String) throws {
        let folder = try TestFiles.folder()
        var told: [Double] = []
        result = try transcode(try clip.source(), to: folder, preset: preset) { told.append($0) }
        progress = told
        self.folder = folder
        let text = try TestFiles.read(folder + "/master.m3u8")
        guard case .multivariant(let multivariant) = try Playlist.parse(text) else { throw Fragments.Malformed() }
        self.multivariant = multivariant
        variants = multivariant.variants.filter { $0.resolution != nil }
        video = try variants.map { try Self.rendition(folder, $0.uri) }
        audio = try multivariant.renditions.first?.uri.map { try Self.rendition(folder, $0) }
    }

    private static func rendition(_ folder: String, _ uri: String) throws -> Rendition {
        let name = String(uri.prefix { $0 != "/" })
        guard case .media(let playlist) = try Playlist.parse(try TestFiles.read("\(folder)/\(uri)")) else {
            throw Fragments.Malformed()
        }
        let map = try #require(playlist.segments.first?.map)
        let initialization = try TestFiles.read("\(folder)/\(name)/\(map.uri)")
        return Rendition(
            name: name, playlist: playlist, initialization: initialization,
            timescale: try Fragments.timescale(initialization: initialization),
            segments: try playlist.segments.map { try TestFiles.read("\(folder)/\(name)/\($0.uri)") })
    }

    var renditions: [Rendition] { video + (audio.map { [$0] } ?? []) }
    var names: [String] { video.map(\.name).sorted { Int($0.dropLast()) ?? 0 < Int($1.dropLast()) ?? 0 } }

    /// Decodes a rendition's pictures by the program ffmpeg into grey pictures of 32x32.
    func pictures(_ name: String) throws -> [[UInt8]] { try Self.pictures("\(folder)/\(name)/index.m3u8") }

    static func pictures(_ path: String, limit: Int = 10_000) throws -> [[UInt8]] {
        let bytes = try Tool.succeed(
            "ffmpeg",
            [
                "-v", "error", "-i", path, "-map", "0:v", "-vf", "scale=32:32:flags=area,format=gray", "-frames:v",
                "\(limit)", "-vsync", "passthrough", "-f", "rawvideo", "-",
            ])
        return stride(from: 0, to: bytes.count, by: 1024).map { Array(bytes[$0..<min($0 + 1024, bytes.count)]) }
    }
}

/// The mean of grey values.
func mean(_ values: [UInt8]) -> Double { Double(values.reduce(0) { $0 + Int($1) }) / Double(max(1, values.count)) }

/// The mean difference of two grey pictures.
func difference(_ one: [UInt8], _ other: [UInt8]) -> Double {
    guard one.count == other.count, !one.isEmpty else { return 255 }
    return Double(zip(one, other).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(one.count)
}
