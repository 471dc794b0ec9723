// SPDX-License-Identifier: Apache-2.0

/// Requests in the order of their time. Objects are numbered; one whose size changes is another object from then on,
/// like a new version.
struct Trace: Sendable {
    struct Request: Sendable, Equatable {
        let milliseconds: Int64
        let object: Int
    }

    let name: String
    let requests: [Request]
    /// The size of each object's body.
    let objectBytes: [Int]

    /// How many of the objects are asked for.
    var requestedObjects: Int { isRequested.lazy.filter { $0 }.count }

    /// What a cache takes that holds every object that is asked for, with so many bytes more for each.
    func footprintBytes(overheadBytes: Int) -> Int {
        zip(objectBytes, isRequested).reduce(0) { $1.1 ? $0 + $1.0 + overheadBytes : $0 }
    }

    private var isRequested: [Bool] {
        var found = [Bool](repeating: false, count: objectBytes.count)
        for request in requests { found[request.object] = true }
        return found
    }
}
