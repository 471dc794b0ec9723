// SPDX-License-Identifier: Apache-2.0

/// Updates the fields of a stored response with those of a newer one that came without the body: a 304, a 200 to HEAD, a
/// 206 that completes it (RFC 9111 sections 3.2, 3.4, 4.3.4 and 4.3.5).
public enum FieldMerge {
    /// All lines of a name are replaced together. The stored body's own description stays, and so does what is not there
    /// in the new head; only `Date` and `Age` go with the old one, since they speak of its moment. The caller adds `Date`
    /// where upstream sent none.
    ///
    /// `leavingOut` names fields of the new head, in lower case, that are not for the stored one: `set-cookie` where cookies
    /// are not stored. The result is judged like a new response, and `StoredFreshness.storedFields` of it are kept.
    public static func merged(
        _ stored: [FieldLine], with new: [FieldLine], leavingOut: [[UInt8]] = []
    ) -> [FieldLine] {
        let updates = new.filter { !isKept($0.name) && !leavingOut.contains($0.name) }
        let names = Set(updates.map(\.name))
        let rest = stored.filter { line in
            !names.contains(line.name) && !line.name.isEqual("date") && !line.name.isEqual("age")
        }
        return rest + updates
    }

    /// Fields of a new head that never replace stored ones. RFC 9111 section 3.2 names Content-Length, and the fields of
    /// one connection or of a proxy. Coding and range are the stored slices' own: what they are cut from does not change.
    static func isKept(_ name: [UInt8]) -> Bool {
        switch String(decoding: name, as: UTF8.self) {
        case "content-length", "content-encoding", "content-range": true
        case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade": true
        case "proxy-authenticate", "proxy-authentication-info", "proxy-authorization": true
        default: false
        }
    }
}
