// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `listen:`, `admin:` and `tls:`.
    mutating func readListeners(_ root: ConfigurationSection) {
        let sections = root.sections("listen")
        for section in sections {
            let usesTLS = section.boolean("tls", default: role == .edge)
            if let endpoint = section.endpoint("endpoint") {
                listen.append(Listen(endpoint: endpoint, usesTLS: usesTLS))
            } else if !section.has("endpoint") {
                section.report("endpoint", "is required")
            }
        }
        if sections.isEmpty {
            root.report("listen", "needs at least one entry such as {endpoint: 127.0.0.1:8443, tls: true}")
        }
        admin = root.section("admin").endpoint("listen")
        let tls = root.section("tls")
        certificateFile = tls.string("certificate", default: "")
        keyFile = tls.string("key", default: "")
        if listen.contains(where: \.usesTLS), certificateFile.isEmpty || keyFile.isEmpty {
            root.report("tls", "needs `certificate` and `key`, because a listener has tls: true")
        }
    }
}
