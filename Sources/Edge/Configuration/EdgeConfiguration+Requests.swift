// SPDX-License-Identifier: Apache-2.0

import Base

/// `requests`: what of clients' requests goes upstream.
extension EdgeConfiguration {
    /// Call when `tokenRequired` is known. A site whose paths need tokens is one that is read; any other may be any site.
    /// `top` is the top level's section when `section` is a site's: what that one says counts before what tokens suggest.
    mutating func readRequests(_ section: ConfigurationSection, over top: ConfigurationSection? = nil) {
        let passesMethods = top?.has("methods") == true ? passesMethods : !tokenRequired
        let passesFields = top?.has("fields") == true ? passesFields : !tokenRequired
        let methods = section.choice("methods", default: passesMethods ? "all" : "read", of: ["read", "all"])
        let fields = section.choice("fields", default: passesFields ? "all" : "none", of: ["none", "all"])
        self.passesMethods = methods == "all"
        self.passesFields = fields == "all"
        passedContentBytesMax = section.bytes(
            "contentBytes", default: passedContentBytesMax, in: 0...1 << 30)
    }
}
