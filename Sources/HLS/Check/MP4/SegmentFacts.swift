// SPDX-License-Identifier: Apache-2.0

/// What one segment holds of its main track: that of the pictures, where there are some.
struct SegmentFacts {
    /// The track's identifier and units; times below are in these units.
    var track = 0
    var timescale = 1
    /// `baseMediaDecodeTime` of the first fragment.
    var decodeTime = 0
    /// The sum of the samples' durations.
    var duration = 0
    /// The least presentation time of a sample, with the track's edit list applied.
    var presentationStart = 0
    var sampleCount = 0
    /// The presentation times of pictures with which decoding may start.
    var keyTimes: [Int] = []
    var startsWithIDR = false
    /// No sample is shown before the first one.
    var isClosed = true
    /// The longest sample's duration.
    var sampleDurationMax = 0
    /// Where the first sample ends in the bytes.
    var firstSampleEnd = 0

    var startSeconds: Double { Double(presentationStart) / Double(timescale) }
    var seconds: Double { Double(duration) / Double(timescale) }
    var samplesPerSecond: Double { duration > 0 ? Double(sampleCount) / seconds : 0 }
}
