// SPDX-License-Identifier: Apache-2.0

import HLS

/// A report for programs. The names are an interface: scripts rely on them.
struct CheckJSON: Codable {
    struct Finding: Codable {
        var severity: String
        var rule: String
        var place: String
        var sentence: String
    }

    struct Rendition: Codable {
        var place: String
        var kind: String
        var declaredBandwidth: Int?
        var measuredBandwidth: Int?
        var declaredAverageBandwidth: Int?
        var measuredAverageBandwidth: Int?
        var codecs: [String]
        var width: Int?
        var height: Int?
        var framesPerSecond: Double?
        var segments: Int
        var seconds: Double
    }

    /// No MUST is broken.
    var conformant: Bool
    var findings: [Finding]
    var renditions: [Rendition]

    init(_ report: CheckReport) {
        conformant = report.isConformant
        findings = report.findings.map { finding in
            Finding(
                severity: finding.severity.rawValue, rule: finding.rule.rawValue, place: finding.place,
                sentence: finding.sentence)
        }
        renditions = report.renditions.map { rendition in
            Rendition(
                place: rendition.place, kind: rendition.kind, declaredBandwidth: rendition.declaredBandwidth,
                measuredBandwidth: rendition.measuredBandwidth,
                declaredAverageBandwidth: rendition.declaredAverageBandwidth,
                measuredAverageBandwidth: rendition.measuredAverageBandwidth, codecs: rendition.codecs,
                width: rendition.resolution?.width, height: rendition.resolution?.height,
                framesPerSecond: rendition.framesPerSecond, segments: rendition.segments, seconds: rendition.seconds)
        }
    }
}
