// SPDX-License-Identifier: Apache-2.0

import Yams

/// One mapping of a configuration file, with typed accessors. See `Configuration` for the rules.
public final class ConfigurationSection {
    private unowned let configuration: Configuration
    /// The dotted path of this section, empty at the top.
    public let path: String
    private let mapping: Node.Mapping?
    private let mark: Mark?
    private var known: Set<String> = []
    private var children: [ConfigurationSection] = []

    init(configuration: Configuration, path: String, mapping: Node.Mapping?, mark: Mark?) {
        self.configuration = configuration
        self.path = path
        self.mapping = mapping
        self.mark = mark
    }

    /// True when the file has this section at all.
    public var isPresent: Bool { mapping != nil }

    /// True when the file gives a value for `key`.
    public func has(_ key: String) -> Bool { node(key) != nil }

    /// Records a mistake at the place of `key`, for rules that span several keys.
    public func report(_ key: String, _ problem: String) {
        configuration.report(name(key), node(key)?.mark ?? mark, problem)
    }

    /// Where `key` stands; where its section does when it is absent.
    public func place(of key: String) -> ConfigurationPlace {
        let found = node(key)?.mark ?? mark
        return ConfigurationPlace(
            file: configuration.file, line: found?.line ?? 1, column: found?.column ?? 1, key: name(key))
    }

    public func string(_ key: String, default fallback: String) -> String {
        optionalString(key) ?? fallback
    }

    public func optionalString(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        guard let text = node.scalar?.string else {
            report(key, "must be a text")
            return nil
        }
        return text
    }

    /// A value that has no sensible default: its absence is a mistake.
    public func requiredString(_ key: String) -> String {
        if let text = optionalString(key) { return text }
        if node(key) == nil { report(key, "is required") }
        return ""
    }

    public func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        guard let text = optionalString(key) else { return fallback }
        guard let value = Int(text.filter { $0 != "_" }), range.contains(value) else {
            report(key, "is `\(text)`; a whole number from \(range.lowerBound) to \(range.upperBound) is allowed")
            return fallback
        }
        return value
    }

    /// A size in bytes: a plain number or one with the suffix KiB, MiB, GiB or TiB.
    public func bytes(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        guard let text = optionalString(key) else { return fallback }
        guard let value = parseByteCount(text), range.contains(value) else {
            report(
                key,
                "is `\(text)`; a size from \(formatByteCount(range.lowerBound)) to "
                    + "\(formatByteCount(range.upperBound)) is allowed, such as 64MiB")
            return fallback
        }
        return value
    }

    public func boolean(_ key: String, default fallback: Bool) -> Bool {
        guard let text = optionalString(key) else { return fallback }
        switch text {
        case "true", "on", "yes": return true
        case "false", "off", "no": return false
        default:
            report(key, "is `\(text)`; true or false is allowed")
            return fallback
        }
    }

    public func choice(_ key: String, default fallback: String, of allowed: [String]) -> String {
        guard let text = optionalString(key) else { return fallback }
        guard allowed.contains(text) else {
            report(key, "is `\(text)`; allowed: \(allowed.joined(separator: ", "))")
            return fallback
        }
        return text
    }

    /// An address with a port, `127.0.0.1:8443` or `[::1]:8443`; nil when the key is absent or wrong.
    public func endpoint(_ key: String) -> Endpoint? {
        guard let text = optionalString(key) else { return nil }
        guard let endpoint = Endpoint(text) else {
            report(key, "is `\(text)`; a numeric address with a port is allowed, such as 127.0.0.1:8443 or [::1]:8443")
            return nil
        }
        return endpoint
    }

    /// A list of texts; a single text stands for a list of one.
    public func strings(_ key: String) -> [String] {
        guard let node = node(key) else { return [] }
        if let single = node.scalar?.string { return [single] }
        guard let sequence = node.sequence else {
            report(key, "must be a list")
            return []
        }
        return sequence.compactMap { element in
            if let text = element.scalar?.string { return text }
            configuration.report(name(key), element.mark, "each entry must be a text")
            return nil
        }
    }

    /// A nested mapping; an absent one yields a section whose accessors all give their defaults.
    public func section(_ key: String) -> ConfigurationSection {
        let node = node(key)
        if let node, node.mapping == nil { report(key, "must hold `key: value` lines") }
        return child(name(key), node)
    }

    /// A list of mappings, such as `listen:`.
    public func sections(_ key: String) -> [ConfigurationSection] {
        guard let node = node(key) else { return [] }
        guard let sequence = node.sequence else {
            report(key, "must be a list")
            return []
        }
        return sequence.enumerated().map { index, element in
            let path = "\(name(key))[\(index)]"
            if element.mapping == nil { configuration.report(path, element.mark, "must hold `key: value` lines") }
            return child(path, element)
        }
    }

    /// One entry of a list that may hold texts and mappings.
    public enum Entry {
        case text(String)
        case section(ConfigurationSection)
    }

    /// A list whose entries are texts or mappings, such as `upstream.servers`; a single text stands for a list of one.
    public func entries(_ key: String) -> [Entry] {
        guard let node = node(key) else { return [] }
        if let single = node.scalar?.string { return [.text(single)] }
        guard let sequence = node.sequence else {
            report(key, "must be a list")
            return []
        }
        return sequence.enumerated().compactMap { index, element in
            if let text = element.scalar?.string { return .text(text) }
            let path = "\(name(key))[\(index)]"
            if element.mapping == nil {
                configuration.report(path, element.mark, "must be a text or hold `key: value` lines")
                return nil
            }
            return .section(child(path, element))
        }
    }

    /// A number with an optional fraction.
    public func number(_ key: String, default fallback: Double, in range: ClosedRange<Double>) -> Double {
        guard let text = optionalString(key) else { return fallback }
        guard let value = Double(text), range.contains(value) else {
            report(key, "is `\(text)`; a number from \(range.lowerBound) to \(range.upperBound) is allowed")
            return fallback
        }
        return value
    }

    private func child(_ path: String, _ node: Node?) -> ConfigurationSection {
        let section = ConfigurationSection(
            configuration: configuration, path: path, mapping: node?.mapping, mark: node?.mark ?? mark)
        children.append(section)
        return section
    }

    private func node(_ key: String) -> Node? {
        known.insert(key)
        guard let node = mapping?[Node(key)] else { return nil }
        // `key:` with nothing behind it counts as absent.
        if let scalar = node.scalar, scalar.string.isEmpty, scalar.style == .plain { return nil }
        return node
    }

    private func name(_ key: String) -> String {
        path.isEmpty ? key : path + "." + key
    }

    func reportUnknownKeys() {
        for (keyNode, _) in mapping ?? [:] {
            let key = keyNode.string ?? ""
            guard !known.contains(key) else { continue }
            let allowed = known.sorted().joined(separator: ", ")
            configuration.report(name(key), keyNode.mark, "is not a known key; allowed here: \(allowed)")
        }
        for child in children { child.reportUnknownKeys() }
    }
}
