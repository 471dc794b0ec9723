// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The files of the web app. They are few and small, and read at each request, so that an update needs no restart.
struct WebApp: Sendable {
    let folder: String
    /// Where set-up may have put the player library; without it the browser's own player is used.
    let playerPath: String
    /// The bases from which the page may load playlists and segments.
    let edges: [String]
    /// Where the page sends uploads.
    let uploadURL: String

    private static let contentTypes = [
        "html": "text/html; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
        "png": "image/png", "ico": "image/x-icon", "txt": "text/plain; charset=utf-8",
    ]

    /// The one page; what it shows depends on its address and is decided in the browser.
    func page(_ request: Request) -> Response {
        guard var response = serve(folder + "/index.html", "html", request) else {
            Log.error("the web app is missing", ["folder": folder])
            return Problem.notFound.response
        }
        let media = edges.joined(separator: " ")
        response.headers[.contentSecurityPolicy] =
            "default-src 'self'; connect-src 'self' \(uploadURL) \(media); media-src 'self' blob: \(media); "
            + "img-src 'self' data: blob: \(media); worker-src 'self' blob:; style-src 'self'; frame-ancestors 'none'; "
            + "base-uri 'none'; form-action 'none'"
        response.headers[HTTPField.Name("referrer-policy")!] = "no-referrer"
        return response
    }

    /// A file of the web app by its path. Throws a `Problem`.
    func file(_ request: Request) throws -> Response {
        let name = String(request.uri.path.dropFirst())
        // The rules for object keys are the rules wanted here: no escapes, no dots alone, no empty parts.
        guard ObjectNames.problem(key: name) == nil, !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
            let dot = name.lastIndex(of: "."),
            let response = serve(folder + "/" + name, String(name[name.index(after: dot)...]), request)
        else { throw Problem.notFound }
        return response
    }

    /// The player library. Throws a `Problem` when set-up did not put it there.
    func player(_ request: Request) throws -> Response {
        guard let response = serve(playerPath, "mjs", request) else { throw Problem.notFound }
        return response
    }

    private func serve(_ path: String, _ suffix: String, _ request: Request) -> Response? {
        guard let contentType = Self.contentTypes[suffix], let bytes = try? readFile(path) else { return nil }
        let etag = "\"\(hexText(SHA256.hash(data: Data(bytes)).prefix(16)))\""
        // Asked again each time, answered with 304 as long as nothing changed.
        let headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-cache", .eTag: etag]
        if request.headers[.ifNoneMatch] == etag { return Response(status: .notModified, headers: headers) }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
