// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// Why a certificate, a key or a TLS setting could not be used.
public struct TLSError: Error, Sendable, CustomStringConvertible {
    /// The file that is to blame; empty when none is.
    public var file: String
    /// What is wrong, without the file's name.
    public var problem: String

    public var description: String { file.isEmpty ? problem : "\(file): \(problem)" }

    public init(file: String = "", problem: String) {
        self.file = file
        self.problem = problem
    }

    /// Empties this thread's OpenSSL error queue into one line.
    static func takeQueueText() -> String {
        var text = ""
        while true {
            let code = ERR_get_error()
            guard code != 0 else { break }
            let line = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            text += text.isEmpty ? line : "; " + line
        }
        return text.isEmpty ? "unknown error" : text
    }
}
