// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `listen:`, `admin:` and `tls:`.
    mutating func readListeners(_ root: ConfigurationSection) {
        let sections = root.sections("listen")
        for section in sections {
            let usesTLS = section.boolean("tls", default: role == .edge)
            if let endpoint = section.endpoint("endpoint") {
                guard !listen.contains(where: { $0.endpoint == endpoint }) else {
                    section.report("endpoint", "is `\(endpoint)`, as in an entry before it; each may be there once")
                    continue
                }
                listen.append(Listen(endpoint: endpoint, usesTLS: usesTLS, place: section.place(of: "endpoint")))
            } else if !section.has("endpoint") {
                section.report("endpoint", "is required")
            }
        }
        if sections.isEmpty {
            root.report("listen", "needs at least one entry such as {endpoint: 127.0.0.1:8443, tls: true}")
        }
        let administration = root.section("admin")
        admin = administration.endpoint("listen")
        adminPlace = administration.place(of: "listen")
        adminTokenFile = administration.optionalString("tokenFile")
        adminTokenPlace = administration.place(of: "tokenFile")
        if adminTokenFile != nil, !administration.has("listen") {
            administration.report("tokenFile", "stands without `listen`; there is no administration to be opened")
        }
        tls = TLS(root.section("tls"), isNeeded: listen.contains(where: \.usesTLS))
    }
}
