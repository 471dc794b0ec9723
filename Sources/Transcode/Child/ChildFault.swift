// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Why a media child ended without a result, for the operator.
struct ChildFault: Sendable, Equatable, CustomStringConvertible {
    enum Kind: Sendable, Equatable {
        /// It crashed.
        case signal(Int32)
        /// It tried what it may not do; the name of the system call, where the kernel told it.
        case refusedCall(String?)
        /// The memory limit stands behind the crash.
        case memory
        /// The limit on processor time.
        case processorTime
        /// It wanted to write more than it may, or what it may not.
        case output(String)
        /// It ended by itself and said nothing.
        case exit(Int32)
    }

    var kind: Kind
    /// The end of what it wrote to standard error, on one line; a stranger's file may stand behind every word.
    var lastWords = ""

    /// The name under which it is counted.
    var name: String {
        switch kind {
        case .signal: "crash"
        case .refusedCall: "seccomp"
        case .memory: "memory"
        case .processorTime: "processorTime"
        case .output: "output"
        case .exit: "exit"
        }
    }

    var description: String {
        switch kind {
        case .signal(let number): "signal \(number)"
        case .refusedCall(let name?): "refused system call \(name)"
        case .refusedCall(nil): "refused system call"
        case .memory: "out of memory"
        case .processorTime: "out of processor time"
        case .output(let reason): "refused output: \(reason)"
        case .exit(let status): "exit status \(status)"
        }
    }

    /// For the uploader.
    var sentence: String {
        switch kind {
        case .memory: "The file needs more memory than is allowed."
        case .processorTime: "The file needs more processor time than is allowed."
        case .signal, .refusedCall, .output, .exit: "The transcoder crashed on this file. It may be damaged."
        }
    }

    /// True when another try would end the same way.
    var isFinal: Bool { kind == .processorTime }

    /// Reads the status of waitpid(2) and what was said on standard error.
    init(status: Int32, errors: [UInt8]) {
        let words = Self.line(errors)
        let signal = status & 0x7F
        let exit = status >> 8 & 0xFF
        if signal == SIGXCPU {
            kind = .processorTime
        } else if signal == SIGSYS || signal == 0 && exit == SPW_REFUSED_CALL_STATUS {
            kind = .refusedCall(Self.refusedCall(words))
        } else if signal != 0 {
            kind = Self.outOfMemoryTexts.contains { words.contains($0) } ? .memory : .signal(signal)
        } else {
            kind = .exit(exit)
        }
        lastWords = words
    }

    init(_ kind: Kind, lastWords: String = "") {
        self.kind = kind
        self.lastWords = lastWords
    }

    /// How the Swift runtime and the C++ library say that an allocation failed.
    private static let outOfMemoryTexts = ["failed to allocate", "Could not allocate memory", "std::bad_alloc"]

    private static func refusedCall(_ words: String) -> String? {
        guard let start = words.firstRange(of: SPW_REFUSED_CALL_TEXT)?.upperBound,
            let architecture = Architecture.current,
            let number = UInt32(words[start...].prefix { $0.isASCII && $0.isNumber })
        else { return nil }
        return SystemCall.name(number, architecture)
    }

    /// Printable ASCII; everything else becomes a blank.
    static func line(_ bytes: [UInt8]) -> String {
        let printable = bytes.map { (0x20...0x7E).contains($0) ? $0 : 0x20 }
        return String(decoding: printable, as: UTF8.self).split(separator: " ").joined(separator: " ")
    }
}
