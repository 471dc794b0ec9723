// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A JSON object that a client sent, read field by field with an answer that names the field that is wrong.
struct APIRequestBody {
    static let bytesMax = 64 << 10

    private let fields: [String: JSONValue]

    /// Reads at most `bytesMax` bytes; an empty body is an empty object. Throws a `Problem`.
    init(_ request: Request) async throws {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Self.bytesMax {
            throw Problem.tooLarge
        }
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= Self.bytesMax else { throw Problem.tooLarge }
            bytes += buffer.readableBytesView
        }
        guard !bytes.isEmpty else {
            fields = [:]
            return
        }
        guard case .object(let object)? = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else {
            throw Problem.invalid("The body must be a JSON object.")
        }
        fields = object
    }

    /// A text without leading and trailing white space, of at most `charactersMax` characters and without control
    /// characters but line ends; nil when absent or null.
    func text(_ name: String, charactersMax: Int) throws -> String? {
        guard let value = present(name) else { return nil }
        guard case .text(let text) = value else { throw Problem.invalid("`\(name)` must be a text.") }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.count <= charactersMax, trimmed.utf8.count <= charactersMax * 16 else {
            throw Problem.invalid("`\(name)` may have at most \(charactersMax) characters.")
        }
        let hasControls = trimmed.unicodeScalars.contains {
            $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\r" && $0 != "\t"
        }
        guard !hasControls else { throw Problem.invalid("`\(name)` may not hold control characters.") }
        return trimmed
    }

    /// A number in a range; nil when absent or null.
    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let value = present(name) else { return nil }
        guard case .number(let number) = value, range.contains(number) else {
            throw Problem.invalid(
                "`\(name)` must be a number from \(Int(range.lowerBound)) to \(Int(range.upperBound)).")
        }
        return number
    }

    private func present(_ name: String) -> JSONValue? {
        guard let value = fields[name], value != .null else { return nil }
        return value
    }
}

/// Any JSON value, as far as requests need it.
enum JSONValue: Decodable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    case list
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        if let fields = try? decoder.container(keyedBy: AnyKey.self) {
            var object: [String: JSONValue] = [:]
            for key in fields.allKeys { object[key.stringValue] = try fields.decode(JSONValue.self, forKey: key) }
            self = .object(object)
            return
        }
        if (try? decoder.unkeyedContainer()) != nil {
            // No request of ours has a list, so what is in one is not looked at.
            self = .list
            return
        }
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let boolean = try? value.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try value.decode(String.self))
        }
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
