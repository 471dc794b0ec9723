// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc
import Token

/// The folder of a comparison: the files served, one certificate for all servers, the token key, and a folder for each
/// server. Its path must hold no space or quote, because it is written into six kinds of configuration files.
struct BenchFolder: Sendable {
    let path: String
    let tokenKey: TokenKey

    var certificate: String { path + "/server.crt" }
    var certificateKey: String { path + "/server.key" }
    var tokenKeysFile: String { path + "/token.keys" }
    /// The root of servers that serve files.
    var files: String { path + "/files" }

    /// Makes the folder anew. Throws when it can not be written, or its path can not stand in a configuration file.
    init(path: String) throws {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ Self.isPlain($0) }) else {
            throw BenchError("the folder \(path) must be absolute, of letters, digits and the characters / . _ - +")
        }
        self.path = path
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path + "/files/v/bench", withIntermediateDirectories: true)
        let secret = (0..<32).map { _ in UInt8.random(in: 0...255) }.map { Self.hex($0) }.joined()
        guard let key = TokenKey(hex: secret) else { throw BenchError("a token key of 64 digits was refused") }
        tokenKey = key
        try write("token.keys", secret + "\n")
        for object in BenchObject.all {
            try Data(object.makeBody()).write(to: URL(fileURLWithPath: files + object.path))
        }
        try makeCertificate()
    }

    /// Writes a file below the folder and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        let parent = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        // Some hold keys. Servers read them before they give up root.
        chmod(file, 0o600)
        return file
    }

    /// A signed path for a load connection: each has a token of its own, in the path.
    func signedPath(_ object: BenchObject, client: Int) throws -> String {
        let claims = TokenClaims(
            expirySeconds: Clock.wallSeconds() + 86_400, acl: ["/v/bench/*"], session: "client\(client)")
        return "/hdnts=" + (try signToken(claims, key: tokenKey)) + object.path
    }

    /// ECDSA P-256, signed by itself: clients are given it as their authority.
    private func makeCertificate() throws {
        try Programs.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", certificateKey, "-out", certificate, "-days", "30", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ], output: path + "/openssl.log")
        // hitch takes certificate and key from one file.
        try write("server.pem", try readTextFile(certificateKey) + readTextFile(certificate))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "/._-+".utf8.contains(byte)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
