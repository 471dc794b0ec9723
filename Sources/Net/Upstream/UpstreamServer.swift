// SPDX-License-Identifier: Apache-2.0

public import Base

/// A server that requests are sent to, and what is known of it beforehand.
public struct UpstreamServer: Sendable, Hashable {
    public var endpoint: Endpoint
    /// The name that its certificate must have, and that is sent as SNI and `Host`; nil: its address.
    public var name: String?
    /// Its share of the keys beside the others'.
    public var weight: Int

    public init(_ endpoint: Endpoint, name: String? = nil, weight: Int = 1) {
        self.endpoint = endpoint
        self.name = name
        self.weight = weight
    }

    /// True for what may be a server's name: labels of letters, digits, `-` and `_`, 253 bytes at most.
    public static func isHostName(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63
                    && label.utf8.allSatisfy { byte in
                        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(asciiLowercase(byte)) || byte == 0x2D
                            || byte == 0x5F
                    }
            }
    }

    /// True for a host with an optional port, as `Host` has it.
    public static func isAuthority(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { RequestRules.isAuthority(UnsafeRawBufferPointer($0)) }
    }

    /// What `Host` says to this server: its name, with the port where that is not the scheme's own (RFC 9110 section 7.2),
    /// else its address and port.
    public func host(usesTLS: Bool) -> String {
        guard let name else { return endpoint.description }
        return endpoint.port == (usesTLS ? 443 : 80) ? name : "\(name):\(endpoint.port)"
    }
}
