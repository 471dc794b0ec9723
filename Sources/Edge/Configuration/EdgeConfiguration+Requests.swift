// SPDX-License-Identifier: Apache-2.0

import Base

/// `requests`: what of clients' requests goes upstream.
extension EdgeConfiguration {
    /// Call when `tokenRequired` is known. A site whose paths need tokens is one that is read; any other may be any site.
    mutating func readRequests(_ section: ConfigurationSection) {
        let fallback = tokenRequired ? "read" : "all"
        passesMethods = section.choice("methods", default: fallback, of: ["read", "all"]) == "all"
        passesFields = section.choice("fields", default: tokenRequired ? "none" : "all", of: ["none", "all"]) == "all"
        passedContentBytesMax = section.bytes(
            "contentBytes", default: passedContentBytesMax, in: 0...1 << 30)
    }
}
