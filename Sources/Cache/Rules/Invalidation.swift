// SPDX-License-Identifier: Apache-2.0

/// What a request that may change something makes of stored responses (RFC 9111 section 4.4).
public enum Invalidation {
    /// True for methods known to change nothing (RFC 9110 section 9.2.1). A method that is not known is not.
    public static func isSafe(method: [UInt8]) -> Bool {
        method.isEqual("GET") || method.isEqual("HEAD") || method.isEqual("OPTIONS") || method.isEqual("TRACE")
    }

    /// The targets whose stored responses, all variants of them, are to be validated before their next use: that of the
    /// request, first, and those of the same origin that the response names in `Location` and `Content-Location`. None for
    /// safe methods and for errors.
    public static func targets(
        method: [UInt8], status: Int, target: TargetURI, fields lines: [FieldLine]
    ) -> [TargetURI] {
        guard !isSafe(method: method), (200...399).contains(status) else { return [] }
        let fields = FieldLines(lines)
        var targets = [target]
        for reference in [fields.first("location"), fields.first("content-location")] {
            guard let reference, let named = target.resolve(reference), named.isSameOrigin(target),
                !targets.contains(named)
            else { continue }
            targets.append(named)
        }
        return targets
    }
}
