// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Why a file could not be transcoded.
enum MediaError: Error, Sendable, Equatable {
    /// The file is at fault; the sentence is for the person who uploaded it. Trying again does not help.
    case unusable(String)
    /// A library or the machine failed; the text is for the operator. Another try may succeed.
    case failed(String)

    /// A failed call of libav with its return code.
    static func libav(_ operation: String, _ code: Int32) -> MediaError {
        var text = [CChar](repeating: 0, count: 128)
        av_strerror(code, &text, text.count)
        let end = text.firstIndex(of: 0) ?? text.count
        let reason = String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return .failed("\(operation): \(reason)")
    }

    /// The sentence or text of either kind.
    var message: String {
        switch self {
        case .unusable(let message), .failed(let message): message
        }
    }
}

/// Throws for a negative return code of libav; gives back any other.
@discardableResult
func check(_ code: Int32, _ operation: String) throws(MediaError) -> Int32 {
    guard code >= 0 else { throw MediaError.libav(operation, code) }
    return code
}
