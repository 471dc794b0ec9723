// SPDX-License-Identifier: Apache-2.0

extension MediaPlaylist {
    /// The playlist as text, UTF-8, with LF line ends. EXT-X-MAP and EXT-X-KEY are written where they change.
    ///
    /// Texts of the model go into the lines as they are, without the characters that would break a line or
    /// a quoted string (RFC 8216 section 4.2).
    public func text() -> String {
        var out = "#EXTM3U\n#EXT-X-VERSION:\(version)\n#EXT-X-TARGETDURATION:\(targetDurationSeconds)\n"
        out += "#EXT-X-MEDIA-SEQUENCE:\(mediaSequence)\n"
        if let kind { out += "#EXT-X-PLAYLIST-TYPE:\(kind.rawValue)\n" }
        if independentSegments { out += "#EXT-X-INDEPENDENT-SEGMENTS\n" }
        if iFramesOnly { out += "#EXT-X-I-FRAMES-ONLY\n" }
        if let startSeconds { out += "#EXT-X-START:TIME-OFFSET=\(decimal(startSeconds, places: 3))\n" }
        var map: InitializationSection?
        var key: EncryptionKey?
        for segment in segments {
            if segment.isDiscontinuous { out += "#EXT-X-DISCONTINUITY\n" }
            if segment.map != map, let changed = segment.map {
                out += "#EXT-X-MAP:URI=\(quoted(changed.uri))"
                if let range = changed.byteRange { out += ",BYTERANGE=\"\(range.text)\"" }
                out += "\n"
                map = changed
            }
            if segment.key != key {
                out += segment.key?.tag ?? "#EXT-X-KEY:METHOD=NONE\n"
                key = segment.key
            }
            out += "#EXTINF:\(decimal(segment.durationSeconds, places: 6)),\n"
            if let range = segment.byteRange { out += "#EXT-X-BYTERANGE:\(range.text)\n" }
            out += line(segment.uri) + "\n"
        }
        if isComplete { out += "#EXT-X-ENDLIST\n" }
        return out
    }
}

extension MultivariantPlaylist {
    /// The playlist as text, UTF-8, with LF line ends.
    public func text() -> String {
        var out = "#EXTM3U\n#EXT-X-VERSION:\(version)\n"
        if independentSegments { out += "#EXT-X-INDEPENDENT-SEGMENTS\n" }
        for rendition in renditions { out += rendition.tag }
        for variant in variants { out += variant.tag + line(variant.uri) + "\n" }
        for variant in iFrameVariants { out += variant.tag }
        return out
    }
}

extension Rendition {
    var tag: String {
        var out = "#EXT-X-MEDIA:TYPE=\(kind.rawValue),GROUP-ID=\(quoted(group)),NAME=\(quoted(name))"
        if let language { out += ",LANGUAGE=\(quoted(language))" }
        out += ",DEFAULT=\(isDefault ? "YES" : "NO"),AUTOSELECT=\(isAutoselect ? "YES" : "NO")"
        if isForced { out += ",FORCED=YES" }
        if let channels { out += ",CHANNELS=\"\(channels)\"" }
        if let uri { out += ",URI=\(quoted(uri))" }
        return out + "\n"
    }
}

extension Variant {
    var tag: String {
        var out = "#EXT-X-STREAM-INF:BANDWIDTH=\(bandwidth)"
        if let averageBandwidth { out += ",AVERAGE-BANDWIDTH=\(averageBandwidth)" }
        if !codecs.isEmpty { out += ",CODECS=\(quoted(codecs.joined(separator: ",")))" }
        if let resolution { out += ",RESOLUTION=\(resolution)" }
        if let frameRate { out += ",FRAME-RATE=\(decimal(frameRate, places: 3))" }
        if let audioGroup { out += ",AUDIO=\(quoted(audioGroup))" }
        if let subtitlesGroup { out += ",SUBTITLES=\(quoted(subtitlesGroup))" }
        return out + ",CLOSED-CAPTIONS=NONE\n"
    }
}

extension IFrameVariant {
    var tag: String {
        var out = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=\(bandwidth)"
        if let averageBandwidth { out += ",AVERAGE-BANDWIDTH=\(averageBandwidth)" }
        if !codecs.isEmpty { out += ",CODECS=\(quoted(codecs.joined(separator: ",")))" }
        if let resolution { out += ",RESOLUTION=\(resolution)" }
        return out + ",URI=\(quoted(uri))\n"
    }
}

extension EncryptionKey {
    var tag: String {
        var out = "#EXT-X-KEY:METHOD=\(method.rawValue),URI=\(quoted(uri))"
        if let initializationVector { out += ",IV=\(line(initializationVector))" }
        return out + "\n"
    }
}

extension ByteRange {
    var text: String { offset.map { "\(length)@\($0)" } ?? "\(length)" }
}

/// A text without line ends and other control characters, which no line of a playlist may hold (section 4.1).
func line(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }))
}

/// A quoted string: the value without control characters and double quotes (section 4.2).
func quoted(_ text: String) -> String {
    // By scalars: a quote with a combining mark is another Character, but still ends the string for a player.
    "\"" + String(String.UnicodeScalarView(line(text).unicodeScalars.filter { $0 != "\"" })) + "\""
}

/// A number that is not negative with a fixed count of decimals, rounded half up, whatever the locale is.
func decimal(_ value: Double, places: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<places { scale *= 10 }
    let limited = value.isFinite ? min(max(value, 0), 1e12) : 0
    let scaled = Int64((limited * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
}
