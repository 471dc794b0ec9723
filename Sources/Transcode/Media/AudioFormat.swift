// SPDX-License-Identifier: Apache-2.0

/// The one form in which sound is delivered.
enum AudioFormat {
    static let samplesPerSecond = 48_000
    static let channels = 2
    static let bitsPerSecond = 128_000
    /// A segment's rate with its container stays below this.
    static let bitsPerSecondBound = 140_000
    /// Samples of one AAC-LC frame (ISO/IEC 14496-3).
    static let frameSamples = 1024
    /// The name of the folder and of the group.
    static let name = "audio"
}
