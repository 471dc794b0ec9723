// SPDX-License-Identifier: Apache-2.0

/// What an `Accept-Encoding` field says about gzip (RFC 9110 section 12.5.3). Pure, without allocation.
public enum AcceptEncoding {
    /// True when gzip is acceptable and no less welcome than the representation as it is. Without the field every coding
    /// would do, but a client that names none may not be able to read one.
    public static func prefersGzip(_ field: UnsafeRawBufferPointer) -> Bool {
        var gzip: Int?
        var identity: Int?
        var others: Int?
        var start = 0
        while start < field.count {
            let end = field.position(of: UInt8(ascii: ","), from: start) ?? field.count
            let member = field.slice(start..<end)
            start = end + 1
            let semicolon = member.position(of: UInt8(ascii: ";")) ?? member.count
            let coding = member.slice(0..<semicolon).trimmed()
            guard let weight = weight(member.slice(semicolon..<member.count)) else { continue }
            if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") {
                gzip = max(gzip ?? 0, weight)
            } else if coding.equalsIgnoringCase("identity") {
                identity = weight
            } else if coding.equals("*") {
                others = weight
            }
        }
        let wish = gzip ?? others ?? 0
        return wish > 0 && wish >= identity ?? 0
    }

    /// `;q=0.5` in thousandths; 1000 without it, nil when it is malformed (section 12.4.2).
    private static func weight(_ parameters: UnsafeRawBufferPointer) -> Int? {
        guard !parameters.isEmpty else { return 1000 }
        let text = parameters.slice(1..<parameters.count).trimmed()
        guard text.count >= 3, text.slice(0..<2).equalsIgnoringCase("q=") else { return nil }
        let digits = text.slice(2..<text.count)
        guard let whole = digits.slice(0..<1).decimal, whole <= 1 else { return nil }
        guard digits.count > 1 else { return whole * 1000 }
        guard digits[1] == UInt8(ascii: "."), digits.count <= 5 else { return nil }
        var value = whole * 1000
        var unit = 100
        for byte in digits.slice(2..<digits.count) {
            guard (0x30...0x39).contains(byte) else { return nil }
            value += Int(byte - 0x30) * unit
            unit /= 10
        }
        return value <= 1000 ? value : nil
    }
}
