// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What is wrong with a trace, and where.
struct TraceError: Error, Equatable, CustomStringConvertible {
    let file: String
    /// From 1; 0 for the file as a whole.
    let line: Int
    let problem: String

    var description: String { line > 0 ? "\(file):\(line): \(problem)" : "\(file): \(problem)" }
}

/// Reads a trace from lines of `time,key,bytes`: seconds with or without decimals, which never go back; a key, which may
/// hold commas; the size of the body. The first line may be a heading; empty lines are passed over.
struct TraceFile {
    private static let bytesMax = 1 << 40

    let name: String
    private var requests: [Trace.Request] = []
    private var objectBytes: [Int] = []
    private var objects: [ObjectName: Int] = [:]
    private var line = 0

    private struct ObjectName: Hashable {
        let key: [UInt8]
        let bytes: Int
    }

    /// Throws a `TraceError` that names the file, the line and what is wrong with it.
    static func read(_ path: String) throws -> Trace {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw TraceError(file: path, line: 0, problem: "can not be read: \(error.localizedDescription)")
        }
        return try data.withUnsafeBytes { try parse($0, name: path) }
    }

    static func parse(_ text: UnsafeRawBufferPointer, name: String) throws -> Trace {
        var file = TraceFile(name: name)
        var rest = text[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            try file.append(rest[..<end])
            rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
        }
        guard !file.requests.isEmpty else { throw TraceError(file: name, line: 0, problem: "holds no request") }
        return Trace(name: name, requests: file.requests, objectBytes: file.objectBytes)
    }

    private init(name: String) {
        self.name = name
    }

    private mutating func append(_ raw: Slice<UnsafeRawBufferPointer>) throws {
        line += 1
        let text = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
        guard !text.isEmpty else { return }
        let comma = UInt8(ascii: ",")
        guard let first = text.firstIndex(of: comma), let last = text.lastIndex(of: comma), first < last else {
            throw problem("needs three fields, time,key,bytes")
        }
        let time = String(decoding: text[..<first], as: UTF8.self)
        guard let seconds = Double(time), seconds.isFinite, (0...1e12).contains(seconds) else {
            // A heading has no number there.
            if line == 1, Double(time) == nil { return }
            throw problem("the time `\(time)` is no number of seconds from 0 on")
        }
        let key = text[(first + 1)..<last]
        guard !key.isEmpty else { throw problem("the key is empty") }
        let size = String(decoding: text[(last + 1)...], as: UTF8.self)
        guard let bytes = Int(size), (0...Self.bytesMax).contains(bytes) else {
            throw problem("the size `\(size)` is no number of bytes from 0 to 1 TiB")
        }
        let milliseconds = Int64(seconds * 1000)
        guard milliseconds >= requests.last?.milliseconds ?? 0 else {
            throw problem("the time \(time) is before the one of the request above")
        }
        requests.append(.init(milliseconds: milliseconds, object: object(ObjectName(key: Array(key), bytes: bytes))))
    }

    private mutating func object(_ name: ObjectName) -> Int {
        if let known = objects[name] { return known }
        objects[name] = objectBytes.count
        objectBytes.append(name.bytes)
        return objectBytes.count - 1
    }

    private func problem(_ text: String) -> TraceError { TraceError(file: name, line: line, problem: text) }
}
