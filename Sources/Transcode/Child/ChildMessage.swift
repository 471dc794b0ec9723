// SPDX-License-Identifier: Apache-2.0

/// One line of JSON that a media child writes to its standard output.
enum ChildMessage: Sendable, Codable, Equatable {
    /// Per cent of the work.
    case progress(Double)
    /// Per cent of each rung's work.
    case rungs([String: Double])
    /// A rendition has begun; it has no segments yet.
    case rendition(RenditionOutput)
    /// A segment of a rendition is whole on the disk.
    case segment(rendition: String, SegmentFile)
    /// The last line of a child that planned.
    case plan(MediaPlan)
    /// The parent is to make this folder, unless it is there; a path below the folder of the result.
    case folder(String)
    /// The parent is to create or replace this file; so many raw bytes follow the line.
    case file(name: String, bytes: Int)
    /// The last line of a child that succeeded.
    case result(MediaResult)
    /// The last line of a child that found the file at fault; a sentence for the uploader.
    case unusable(String)
    /// The last line of a child that failed for another reason; for the operator.
    case failed(String)
    /// The last line of a child that failed when its memory was nearly used up; for the operator.
    case outOfMemory(String)
}

extension ChildMessage {
    /// Nothing follows it.
    var isLast: Bool {
        switch self {
        case .progress, .rungs, .rendition, .segment, .folder, .file: false
        case .plan, .result, .unusable, .failed, .outOfMemory: true
        }
    }
}

/// The descriptor at which a child finds its open input.
let childInputDescriptor: Int32 = 3
