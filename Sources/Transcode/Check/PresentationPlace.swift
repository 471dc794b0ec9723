// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the command line names: a URL, a folder, or a playlist's file.
enum PresentationPlace {
    case web(String)
    /// A folder, and the name of the playlist in it to start with.
    case folder(String, playlist: String)

    /// Fails with a sentence for the user.
    init(_ argument: String) throws(CleanError) {
        let lowered = argument.lowercased()
        if lowered.hasPrefix("http://") || lowered.hasPrefix("https://") {
            self = .web(argument)
            return
        }
        if let colon = argument.firstRange(of: "://")?.lowerBound {
            throw CleanError("\(argument[..<colon]): is not among the protocols that can be read: http, https.")
        }
        var status = stat()
        guard stat(argument, &status) == 0 else { throw CleanError("\(argument): there is no such file or folder.") }
        if status.st_mode & S_IFMT == S_IFDIR {
            self = .folder(argument, playlist: try Self.playlist(inside: argument))
        } else {
            let slash = argument.lastIndex(of: "/")
            let name = slash.map { String(argument[argument.index(after: $0)...]) } ?? argument
            let folder = slash.map { $0 == argument.startIndex ? "/" : String(argument[..<$0]) } ?? "."
            self = .folder(folder, playlist: name)
        }
    }

    /// `master.m3u8`, or the only playlist of the folder.
    private static func playlist(inside folder: String) throws(CleanError) -> String {
        guard let directory = opendir(folder) else { throw CleanError("\(folder): the folder can not be read.") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".m3u8") { names.append(name) }
        }
        if names.contains(PlaylistAssembly.multivariantName) { return PlaylistAssembly.multivariantName }
        guard let name = names.first, names.count == 1 else {
            throw CleanError(
                "\(folder): there is neither \(PlaylistAssembly.multivariantName) nor exactly one other playlist.")
        }
        return name
    }
}
