// SPDX-License-Identifier: Apache-2.0

/// The limits of the command line; the worker's are in its configuration.
enum TranscodeLimits {
    static let memoryBytesMax = 8 << 30
    static let secondsMax = 24 * 3600
    static let jobsMax = 64
    static let presetDefault = "veryfast"
    /// x264's, from fast to small; its `placebo` is not worth its time.
    static let presets = [
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    ]
}
