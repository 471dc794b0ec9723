// SPDX-License-Identifier: Apache-2.0

/// The surrogate keys that delivery gives to a video's objects, and that purges name.
public enum MediaKeys {
    /// All of a video.
    public static func video(_ videoID: String) -> String { "v/\(videoID)" }

    /// A video's playlists: what changes when it is done. Segments never do.
    public static func playlists(videoID: String) -> String { "v/\(videoID)/playlists" }
}
