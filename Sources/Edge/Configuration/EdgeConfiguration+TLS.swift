// SPDX-License-Identifier: Apache-2.0

import Base
import Net

extension EdgeConfiguration {
    /// What `tls:` says. The files that it names are read by `EdgeFiles`.
    struct TLS {
        static let certificatesMax = 1000

        struct Certificate {
            var certificateFile: String
            var keyFile: String
            var certificatePlace: ConfigurationPlace
            var keyPlace: ConfigurationPlace
        }

        /// The first is the default.
        var certificates: [Certificate] = []
        var minimumVersion = TLSSettings.Version.tls12
        var rejectsUnknownNames = false
        var usesTickets = true
        var ticketRotateMinutes = 720
        var ticketKeysFile: String?
        var ticketKeysPlace: ConfigurationPlace?

        init() {}

        /// `isNeeded`: a listener has tls: true.
        init(_ section: ConfigurationSection, isNeeded: Bool) {
            readCertificates(section)
            if isNeeded, certificates.isEmpty {
                section.report("certificates", "needs at least one, because a listener has tls: true")
            }
            let version = section.choice("minimumVersion", default: "1.2", of: ["1.2", "1.3"])
            minimumVersion = version == "1.3" ? .tls13 : .tls12
            rejectsUnknownNames = section.boolean("rejectUnknownNames", default: rejectsUnknownNames)
            let tickets = section.section("tickets")
            usesTickets = tickets.boolean("enabled", default: usesTickets)
            // A ticket lives as long as its key encrypts; RFC 8446 section 4.6.1 allows seven days.
            ticketRotateMinutes = tickets.integer("rotateMinutes", default: ticketRotateMinutes, in: 1...10_080)
            ticketKeysFile = tickets.optionalString("keysFile")
            ticketKeysPlace = tickets.place(of: "keysFile")
        }

        /// `certificates:`, or `certificate:` and `key:` for a single one.
        private mutating func readCertificates(_ section: ConfigurationSection) {
            let sections = section.sections("certificates")
            if section.has("certificate") || section.has("key") {
                if sections.isEmpty {
                    readCertificate(section)
                } else {
                    section.report("certificate", "stands beside `certificates`; only one of them is allowed")
                }
            }
            for entry in sections { readCertificate(entry) }
            if certificates.count > Self.certificatesMax {
                section.report("certificates", "holds more than \(Self.certificatesMax) entries")
            }
        }

        private mutating func readCertificate(_ section: ConfigurationSection) {
            certificates.append(
                Certificate(
                    certificateFile: section.requiredString("certificate"), keyFile: section.requiredString("key"),
                    certificatePlace: section.place(of: "certificate"), keyPlace: section.place(of: "key")))
        }
    }
}
