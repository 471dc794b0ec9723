// SPDX-License-Identifier: Apache-2.0

import Cache
import Synchronization

/// What an object has replaced when its head came, and gets its place back when the body never comes. Everything here takes
/// a shard's lock, which guards `CachedObject.replaced` too.
extension MemoryTier {
    /// The object has taken the place of these. Only while a body of its own is on its way is one of them kept: the latest
    /// that is whole.
    static func remember(_ replaced: [CachedObject], for object: CachedObject) {
        guard let body = object.stored, !body.isInPieces, body.phase == .arriving,
            !body.isShared.load(ordering: .relaxed)
        else { return }
        for other in replaced {
            guard let kept = other.stored?.isWithinReach == true ? other : other.replaced else { continue }
            object.replaced = kept
        }
    }

    /// The body is whole: nothing is given back any more.
    func forgetReplaced(_ object: CachedObject) {
        // It may die here, with all its bytes: not under the lock.
        _ = shard(object.key).entries.withLock { _ in
            defer { object.replaced = nil }
            return object.replaced
        }
    }

    /// The body will never be whole: what its object has replaced is found again in its place, with what was known of it. Nil
    /// where there is nothing, or something has come between: a purge, an invalidation, an eviction, a newer response.
    func giveBack(_ object: CachedObject) -> CachedObject? {
        let again = shard(object.key).entries.withLock { swapBack(object, in: &$0) }
        guard let again else { return nil }
        removeFromOrder(object)
        insertInOrder(again)
        return again
    }

    /// Takes out an object that nobody reads, so that nobody can find what is about to be given up. False when somebody
    /// has found it meanwhile.
    func abandon(_ object: CachedObject) -> Bool {
        let (isAbandoned, again): (Bool, CachedObject?) = shard(object.key).entries.withLock { entries in
            // From nought the readers become more under this lock alone, by `obtain`.
            guard object.readers.load(ordering: .relaxed) == 0 else { return (false, nil) }
            let again = swapBack(object, in: &entries)
            entries.entries[object.key]?.objects.removeAll { $0 === object }
            return (true, again)
        }
        if isAbandoned { withdraw(object) }
        if let again { insertInOrder(again) }
        return isAbandoned
    }

    /// The stored responses of a key, and what those that are on their way have replaced.
    func storedOrReplaced(_ key: CacheKey) -> [CachedObject] {
        shard(key).entries.withLock { entries in
            let ready = entries.entries[key]?.objects.filter { $0.phase == .ready } ?? []
            return ready.compactMap(\.replaced) + ready
        }
    }

    private func swapBack(_ object: CachedObject, in entries: inout Entries) -> CachedObject? {
        guard let replaced = object.replaced else { return nil }
        object.replaced = nil
        guard !object.isWithdrawn.load(ordering: .relaxed), let objects = entries.entries[object.key]?.objects,
            let index = objects.firstIndex(where: { $0 === object }),
            !objects.contains(where: { $0 !== object && $0.phase == .ready && $0.variant == object.variant })
        else { return nil }
        let again = CachedObject(again: replaced)
        entries.entries[object.key]?.objects[index] = again
        return again
    }
}
