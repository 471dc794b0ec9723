// SPDX-License-Identifier: Apache-2.0
//
// A thread that drops a file from the page cache until it is told to end. It shares one flag with its owner.

import Base
import Foundation
import Glibc
import Synchronization

/// Keeps a file out of the page cache, so that who reads it waits for the device.
final class PageCacheDropper: Sendable {
    private let isEnding = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let descriptor: Int32

    /// Drops the file at once and then every `intervalMilliseconds`. Throws when it can not be opened.
    init(_ file: String, intervalMilliseconds: UInt32) throws {
        descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open \(file)", code: errno) }
        // Only what is written down can be dropped.
        fsync(descriptor)
        drop()
        Thread.detachNewThread { [self] in
            while !isEnding.load(ordering: .relaxed) {
                drop()
                usleep(intervalMilliseconds * 1000)
            }
            hasEnded.store(true, ordering: .releasing)
        }
    }

    func stop() {
        isEnding.store(true, ordering: .relaxed)
        while !hasEnded.load(ordering: .acquiring) { usleep(1000) }
        close(descriptor)
    }

    private func drop() { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }
}
