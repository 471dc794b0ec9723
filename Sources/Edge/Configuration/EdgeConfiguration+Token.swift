// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `token:`, of the top level or then of a site: what the section does not say stays.
    mutating func readToken(_ section: ConfigurationSection) {
        tokenRequired = section.boolean("required", default: tokenRequired)
        if section.has("keysFile") || tokenKeysPlace == nil {
            tokenKeysFile = section.string("keysFile", default: "")
            tokenKeysPlace = section.place(of: "keysFile")
        }
        if tokenRequired, tokenKeysFile.isEmpty {
            section.report("keysFile", "is required while token.required is true")
        }
    }
}
