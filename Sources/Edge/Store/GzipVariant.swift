// SPDX-License-Identifier: Apache-2.0

import Net

/// What of a stored response is compressed, and how.
struct CompressionRules: Equatable, Sendable {
    /// Content types without parameters, in lower case.
    var types = [
        "application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl",
        "application/dash+xml", "text/vtt", "text/plain", "text/html", "text/css", "text/javascript",
        "application/javascript", "application/json", "application/xml", "image/svg+xml",
    ]
    var minimumBytes = 256
    var maximumBytes = 1 << 20

    /// Playlists are compressed whatever `minimumBytes` is (Apple's HLS authoring specification, rule 10.1); what is shorter than
    /// this names no segment.
    private static let playlistBytesMin = 64

    /// True when a body of this length is.
    func covers(length: Int, isPlaylist: Bool) -> Bool {
        length >= (isPlaylist ? min(minimumBytes, Self.playlistBytesMin) : minimumBytes) && length <= maximumBytes
    }

    /// True when a response of this content type is compressed at all.
    func covers(contentType: [UInt8]) -> Bool {
        let end = contentType.firstIndex(of: UInt8(ascii: ";")) ?? contentType.count
        return contentType[..<end].withUnsafeBytes { type in
            let type = type.trimmed()
            return types.contains { name in
                type.count == name.utf8.count && zip(type, name.utf8).allSatisfy { asciiLowercase($0) == $1 }
            }
        }
    }
}

/// A stored object's body and fields in gzip's coding, made once by the first request that wants them and shared by all
/// workers. `@unchecked Sendable` because nothing is written after `init`.
final class GzipVariant: @unchecked Sendable {
    /// Nil when compression does not pay: the object is sent as it is.
    let body: BytesBody?
    let fields: FieldBlock
    let notModifiedFields: FieldBlock
    /// Another representation has another tag (RFC 9110 section 8.8.3): `"abc"` becomes `"abc-gzip"`.
    let etag: [UInt8]

    init(_ head: ObjectHead, body: BytesBody?) {
        self.body = body
        etag = Self.etag(of: head)
        let etag = etag
        let changed = head.fields.fields.map { field in
            field.name.elementsEqual("etag".utf8) ? (name: field.name, value: etag) : field
        }
        fields = FieldBlock(changed + [(Array("content-encoding".utf8), Array("gzip".utf8))])
        notModifiedFields = FieldBlock(ObjectHead.notModified(changed))
    }

    /// What the variant takes, for the budget.
    var costBytes: Int { (body?.count ?? 0) + 512 }

    /// A weak tag already says that the bytes may differ.
    static func etag(of head: ObjectHead) -> [UInt8] {
        guard head.etag.last == UInt8(ascii: "\""), head.etag.first == UInt8(ascii: "\"") else { return head.etag }
        return head.etag.dropLast() + Array("-gzip\"".utf8)
    }
}
