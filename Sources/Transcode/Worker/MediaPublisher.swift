// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials
import HLS

/// Puts the files of one try of a part into the object store. What is served is never replaced by other bytes: a try
/// that finds a file published keeps what is there.
struct MediaPublisher: Sendable {
    /// Media names never change content.
    private static let mediaCacheControl = "public, max-age=31536000, immutable"
    private static let playlistType = "application/vnd.apple.mpegurl"
    /// Of a playlist that will not change.
    static let finalCacheControl = "public, max-age=3600"
    /// Of one that grows: a player asks again about every target duration, and the origin once a second at most.
    static let growingCacheControl = "public, max-age=1, stale-while-revalidate=10"

    let store: any ObjectStore
    let videoID: String
    /// Where the child wrote.
    let folder: String

    /// Stores a rendition's initialization section, unless there is one.
    func publishInitialization(of rendition: RenditionOutput) async throws(ObjectStoreError) {
        let path = "\(rendition.name)/\(SegmentWriter.initializationName)"
        _ = try await publish(path, type: Self.contentType(rendition.kind))
    }

    /// Stores a segment of a rendition under its own name; what is there afterwards. A try that died before it could note
    /// a segment may have stored other bytes than this one has: encoders on machines of more cores have more threads.
    func publish(_ segment: SegmentFile, of rendition: RenditionOutput) async throws(ObjectStoreError) -> SegmentFile {
        let path = "\(rendition.name)/\(segment.name)"
        guard try await !publish(path, type: Self.contentType(rendition.kind)) else { return segment }
        let bytes = try await read(path)
        var stored = segment
        stored.bytes = bytes.count
        if segment.iFrames != nil {
            guard let ranges = mp4IFrames(bytes) else { throw .unavailable("\(key(path)) is not a segment") }
            stored.iFrames = ranges
        }
        return stored
    }

    /// Stores one of the pictures beside the renditions.
    func publish(picture name: String) async throws(ObjectStoreError) {
        guard let type = Self.contentType(picture: name) else {
            throw .invalidName("the media child gave a name that is not a picture's")
        }
        _ = try await publish(name, type: type)
    }

    /// Stores a playlist in the place of one that has `condition`; its new entity tag.
    func publish(playlist text: String, at path: String, isFinal: Bool, condition: PutCondition)
        async throws(ObjectStoreError) -> String
    {
        try check(path)
        let file = "\(folder)/\(makeRandomName()).m3u8"
        guard (try? Data(text.utf8).write(to: URL(filePath: file))) != nil else {
            throw .unavailable("a playlist could not be written to \(folder)")
        }
        defer { try? FileManager.default.removeItem(atPath: file) }
        let info = try await store.put(
            bucket: "media", key: key(path), file: file, contentType: Self.playlistType,
            cacheControl: isFinal ? Self.finalCacheControl : Self.growingCacheControl, condition: condition)
        return info.etag
    }

    /// The key of a file of the video.
    func key(_ path: String) -> String { "v/\(videoID)/\(path)" }

    /// False: there was one.
    private func publish(_ path: String, type: String) async throws(ObjectStoreError) -> Bool {
        try check(path)
        do throws(ObjectStoreError) {
            _ = try await store.put(
                bucket: "media", key: key(path), file: "\(folder)/\(path)", contentType: type,
                cacheControl: Self.mediaCacheControl, condition: .absent)
            return true
        } catch .conditionFailed {
            return false
        }
    }

    /// What the store has.
    private func read(_ path: String) async throws(ObjectStoreError) -> [UInt8] {
        let file = "\(folder)/\(makeRandomName()).stored"
        try await store.fetch(bucket: "media", key: key(path), toFile: file)
        defer { try? FileManager.default.removeItem(atPath: file) }
        guard let data = try? Data(contentsOf: URL(filePath: file)) else {
            throw .unavailable("\(key(path)) could not be read back")
        }
        return Array(data)
    }

    /// The child parses a stranger's file: a name that it gives must not lead out of its folder.
    private func check(_ path: String) throws(ObjectStoreError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ Self.isName(String($0)) }) else {
            throw .invalidName("the media child gave a name that is not a plain file's")
        }
    }

    /// Letters, digits, inner dots and hyphens, such as `480p` and `0.m4s`.
    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }

    private static func contentType(_ kind: RenditionOutput.Kind) -> String {
        switch kind {
        case .video: "video/mp4"
        case .audio: "audio/mp4"
        case .subtitles: "text/vtt"
        }
    }

    /// By the name's ending; nil for what is not published.
    private static func contentType(picture name: String) -> String? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        return ["jpg": "image/jpeg", "vtt": "text/vtt", "mp4": "video/mp4"][String(name[name.index(after: dot)...])]
    }
}
