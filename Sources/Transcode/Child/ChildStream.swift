// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Reads what a media child writes: lines of JSON, and the bytes of files behind the lines that announce them.
///
/// A child that a stranger's file has taken over may send anything, so all of it is bounded and checked here before a
/// file is made of it. Pure: it is given bytes and gives events.
struct ChildStream {
    /// What a child may send before it is ended.
    struct Limits: Sendable, Equatable {
        /// One line, which is held: the result of a day's video is a tenth of it.
        var lineBytesMax = 64 << 20
        /// All lines together: progress four times a second for a day is a tenth of it.
        var messageBytesMax = 1 << 30
        /// Rungs whose progress is told.
        var rungsMax = 100
        /// One file; far above a segment's size.
        var fileBytesMax = 256 << 20
        /// All files together: more than a day's video in all rungs.
        var totalBytesMax = 256 << 30
        /// Files and folders.
        var filesMax = 1_000_000
    }

    enum Event: Equatable {
        /// Anything but a folder or a file.
        case message(ChildMessage)
        case folder(String)
        /// A file begins; its bytes follow.
        case fileBegins(String)
        case fileBytes(ArraySlice<UInt8>)
        /// The file is whole.
        case fileEnds
    }

    /// What the child must not do, for the operator.
    struct Violation: Error, Equatable {
        var reason: String
    }

    private let limits: Limits
    private var line: [UInt8] = []
    private var messageBytes = 0
    private var totalBytes = 0
    private var files = 0
    /// What the open file still lacks; nil when none is open.
    private var fileBytesLeft: Int?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// True inside a line or a file: the child was cut off.
    var isInside: Bool { !line.isEmpty || fileBytesLeft != nil }

    /// Takes bytes from the front of `chunk` up to the next event; nil when they were used up.
    mutating func next(_ chunk: inout ArraySlice<UInt8>) throws(Violation) -> Event? {
        if let left = fileBytesLeft { return nextOfFile(left, &chunk) }
        while !chunk.isEmpty {
            let end = chunk.firstIndex(of: UInt8(ascii: "\n"))
            let part = chunk[..<(end ?? chunk.endIndex)]
            messageBytes += part.count + 1
            guard messageBytes <= limits.messageBytesMax else {
                throw Violation(reason: "it said more than \(limits.messageBytesMax) bytes")
            }
            guard line.count + part.count <= limits.lineBytesMax else {
                throw Violation(reason: "a line of more than \(limits.lineBytesMax) bytes")
            }
            line += part
            chunk = chunk[(end.map { $0 + 1 } ?? chunk.endIndex)...]
            guard end != nil else { return nil }
            defer { line.removeAll(keepingCapacity: true) }
            // A line that is no message is passed over.
            if let message = try? JSONDecoder().decode(ChildMessage.self, from: Data(line)) {
                return try event(message)
            }
        }
        return nil
    }

    private mutating func nextOfFile(_ left: Int, _ chunk: inout ArraySlice<UInt8>) -> Event? {
        guard left > 0 else {
            fileBytesLeft = nil
            return .fileEnds
        }
        guard !chunk.isEmpty else { return nil }
        let part = chunk.prefix(left)
        chunk = chunk.dropFirst(part.count)
        fileBytesLeft = left - part.count
        return .fileBytes(part)
    }

    private mutating func event(_ message: ChildMessage) throws(Violation) -> Event {
        switch message {
        case .folder(let name):
            try countFile(name)
            return .folder(name)
        case .file(let name, let bytes):
            try countFile(name)
            guard bytes >= 0, bytes <= limits.fileBytesMax else {
                throw Violation(reason: "a file of \(bytes) bytes; \(limits.fileBytesMax) are allowed")
            }
            totalBytes += bytes
            guard totalBytes <= limits.totalBytesMax else {
                throw Violation(reason: "files of more than \(limits.totalBytesMax) bytes together")
            }
            fileBytesLeft = bytes
            return .fileBegins(name)
        case .progress(let percent):
            return .message(.progress(min(100, max(0, percent))))
        case .rungs(let percents):
            guard percents.count <= limits.rungsMax, percents.keys.allSatisfy(Self.isName) else {
                throw Violation(reason: "progress of rungs that are none")
            }
            return .message(.rungs(percents.mapValues { min(100, max(0, $0)) }))
        case .result(let result) where !result.isPlausible:
            throw Violation(reason: "a result with impossible numbers")
        case .plan(let plan) where !plan.isPlausible:
            throw Violation(reason: "a plan with impossible numbers")
        case .rendition(let rendition) where !rendition.isPlausible:
            throw Violation(reason: "a rendition with impossible numbers")
        case .segment(let name, let segment) where !Self.isName(name) || !segment.isPlausible:
            throw Violation(reason: "a segment with impossible numbers")
        default:
            return .message(message)
        }
    }

    private mutating func countFile(_ name: String) throws(Violation) {
        files += 1
        guard files <= limits.filesMax else { throw Violation(reason: "more than \(limits.filesMax) files") }
        guard Self.isName(name) else { throw Violation(reason: "a file with a name that is not allowed") }
    }

    /// Up to four parts of letters, digits, `-`, `_` and inner dots: nothing that leads out of the folder.
    static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 4
            && parts.allSatisfy { part in
                (1...64).contains(part.utf8.count) && !part.hasPrefix(".")
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                        default: false
                        }
                    }
            }
    }
}
