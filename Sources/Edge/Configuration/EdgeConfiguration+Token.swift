// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `token:`.
    mutating func readToken(_ section: ConfigurationSection) {
        tokenRequired = section.boolean("required", default: role == .edge)
        tokenKeysFile = section.string("keysFile", default: "")
        tokenKeysPlace = section.place(of: "keysFile")
        if tokenRequired, tokenKeysFile.isEmpty {
            section.report("keysFile", "is required while token.required is true")
        }
    }
}
