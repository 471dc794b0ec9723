// SPDX-License-Identifier: Apache-2.0

@testable import Cache

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// Field lines from `name: value` texts.
func lines(_ texts: [String]) -> [FieldLine] {
    texts.map { text in
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return (bytes(parts[0].lowercased()), Array(bytes(String(parts[1])).trimmed))
    }
}

func texts(_ lines: [FieldLine]) -> [String] {
    lines.map { "\(text($0.name)): \(text($0.value))" }
}

/// Sun, 06 Nov 1994 08:49:37 GMT, the moment at which all responses of these tests arrive.
let arrivalSeconds: Int64 = 784_111_777

/// A date so many seconds after that.
func date(_ offset: Int64) -> String {
    let days = (arrivalSeconds + offset) / 86_400
    let second = (arrivalSeconds + offset) % 86_400
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    // 6 November is day 9075 of the epoch; the tests stay in this month.
    return "Sun, \(two(days - 9069)) Nov 1994 \(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
}

/// What the rules say of a response.
func judge(
    _ fields: String..., status: Int = 200, request: ResponseRules.Request = .get, hasAuthorization: Bool = false,
    storesPartial: Bool = false, delayMilliseconds: Int64 = 0,
    _ change: (inout CacheRulesSettings) -> Void = { _ in }
) -> Storability {
    var settings = CacheRulesSettings()
    change(&settings)
    return ResponseRules(settings).judge(
        request, hasAuthorization: hasAuthorization, status: status, fields: lines(fields),
        storesPartial: storesPartial, requestMilliseconds: arrivalSeconds * 1000 - delayMilliseconds,
        responseMilliseconds: arrivalSeconds * 1000)
}

extension Storability {
    var freshness: StoredFreshness? {
        guard case .store(let freshness) = self else { return nil }
        return freshness
    }

    /// Seconds for which the response can be used without asking.
    var freshSeconds: Int64? { freshness.map { $0.freshAfterArrivalMilliseconds / 1000 } }
}
