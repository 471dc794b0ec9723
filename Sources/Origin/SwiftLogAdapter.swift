// SPDX-License-Identifier: Apache-2.0

import Base
import Logging

/// Lets the libraries that log with swift-log write into our log.
struct SwiftLogAdapter: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    let label: String

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let level: Log.Level =
            switch event.level {
            case .trace, .debug: .debug
            case .info, .notice: .info
            case .warning: .warning
            case .error, .critical: .error
            }
        let details = metadata.merging(event.metadata ?? [:]) { $1 }
            .map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        Log.write(level, "\(event.message)", ["source": label, "details": details])
    }
}
