// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// The keys of the top level under which this configuration says something else than `old`; for the log. A file that
    /// is named by both may have changed all the same.
    func changedSections(from old: EdgeConfiguration) -> [String] {
        // What a value looks like as text is equal where the value is.
        func rules(_ configuration: EdgeConfiguration) -> String {
            "\(configuration.tokenRequired) \(configuration.tokenKeysFile) \(configuration.upstream.text)"
                + " \(configuration.passesFields) \(configuration.passesMethods) \(configuration.passedContentBytesMax)"
                + " \(configuration.cacheRules) \(configuration.crossOrigin)"
        }
        func texts(_ configuration: EdgeConfiguration) -> [(key: String, text: String)] {
            [
                ("name", configuration.name), ("log", configuration.logLevel.name),
                ("listen", "\(configuration.listen.map { "\($0.endpoint) \($0.usesTLS)" })"),
                ("admin", "\(configuration.admin.map { "\($0)" } ?? "") \(configuration.adminTokenFile ?? "")"),
                ("tls", "\(configuration.tls)"),
                ("token", "\(configuration.tokenRequired) \(configuration.tokenKeysFile)"),
                ("upstream", configuration.upstream.text),
                (
                    "cache",
                    "\(configuration.objectBytesMax) \(configuration.finishBytesMax) \(configuration.waitMilliseconds)"
                        + " \(configuration.waitersMax) \(configuration.cacheRules) \(configuration.fetchesPieces)"
                        + " \(configuration.readAheadBytes) \(configuration.standInMilliseconds)"
                ),
                (
                    "requests",
                    "\(configuration.passesFields) \(configuration.passesMethods) \(configuration.passedContentBytesMax)"
                ),
                ("prefetch", "\(configuration.prefetch)"),
                ("cors", "\(configuration.crossOrigin)"), ("compression", "\(configuration.compression)"),
                ("accessLog", configuration.accessLogFile ?? ""),
                (
                    "limits",
                    "\(configuration.serverLimits) \(configuration.connectionsPerAddress) \(configuration.drainMilliseconds)"
                        + " \(configuration.rangesMax)"
                ),
                ("unknownHosts", "\(configuration.refusesUnknownHosts)"),
                ("sites", configuration.sites.map { "\($0.hosts) \(rules($0.rules))" }.joined(separator: " ")),
            ]
        }
        return zip(texts(self), texts(old)).filter { $0.text != $1.text }.map { $0.0.key }
    }
}
