// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs blocking work on a thread of its own, which lives as long as the work, and waits for its value.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        let thread = Thread { continuation.resume(returning: body()) }
        thread.name = "media-child"
        thread.start()
    }
}
