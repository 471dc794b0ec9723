// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Foundation
import HLS
import Synchronization
import Testing

@testable import Transcode

/// One rung decides which pictures are P and which are B; the larger ones follow, and wait for the head of the video.
@Suite struct FrameTypesTests {
    @Test func aTypeIsKnownWhenItIsDecided() {
        let types = FrameTypes(firstNumber: 100, headFrames: 0)
        #expect(types.type(number: 100) == nil)
        // In decoding order.
        types.decide(AV_PICTURE_TYPE_I, number: 100)
        types.decide(AV_PICTURE_TYPE_P, number: 103)
        #expect(types.type(number: 100) == AV_PICTURE_TYPE_I)
        #expect(types.type(number: 101) == nil)
        #expect(types.type(number: 103) == AV_PICTURE_TYPE_P)
        types.decide(AV_PICTURE_TYPE_B, number: 101)
        #expect(types.waitForType(number: 101) == AV_PICTURE_TYPE_B)
        // Before the first one, as no encoder should say.
        types.decide(AV_PICTURE_TYPE_B, number: 99)
        #expect(types.type(number: 99) == nil)
    }

    @Test func nothingIsGivenBeforeTheHeadIsMade() {
        let types = FrameTypes(firstNumber: 0, headFrames: 3)
        types.decide(AV_PICTURE_TYPE_I, number: 0)
        types.decide(AV_PICTURE_TYPE_P, number: 2)
        #expect(types.type(number: 0) == nil)
        // One who must go on gets it all the same.
        #expect(types.waitForType(number: 0) == AV_PICTURE_TYPE_I)
        types.decide(AV_PICTURE_TYPE_B, number: 1)
        #expect(types.type(number: 0) == AV_PICTURE_TYPE_I)
    }

    @Test func theEndLetsAllGo() throws {
        let types = FrameTypes(firstNumber: 0, headFrames: 50)
        types.decide(AV_PICTURE_TYPE_I, number: 0)
        let seen = Mutex<AVPictureType?>(nil)
        let waiting = try WorkThread { seen.withLock { $0 = types.waitForType(number: 7) } }
        types.end()
        waiting.join()
        #expect(seen.withLock { $0 } == AV_PICTURE_TYPE_NONE)
        #expect(types.type(number: 0) == AV_PICTURE_TYPE_I)
        #expect(types.type(number: 1) == AV_PICTURE_TYPE_NONE)
    }

    @Test func anAbandonedQueueGivesNothingMore() throws {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(queue.push(1) && queue.push(2))
        #expect(queue.pop() == 1)
        let isPushed = Mutex<Bool?>(nil)
        #expect(queue.push(3))
        let producer = try WorkThread { isPushed.withLock { $0 = queue.push(4) } }
        queue.abandon()
        producer.join()
        #expect(isPushed.withLock { $0 } == false)
        #expect(queue.pop() == nil && queue.isAbandoned)
    }

    /// A picture's place in decoding order tells its type: P pictures come before the B pictures that they close.
    @Test func theRungsAbove480pFollowIt() throws {
        let folder = try TestFiles.folder()
        let path = folder + "/clip.mp4"
        // Noise, a still and a pan: where the sizes would decide differently.
        try Clip.ffmpeg(
            ["testsrc2=size=1280x720:rate=25:duration=5,noise=alls=20:allf=t:c0f=t,crop=1280:720"],
            ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p"], path)
        _ = try transcode(path, to: folder, preset: "veryfast")
        let orders = try ["720p", "480p", "360p"].map { try order(folder, $0) }
        #expect(orders[0].count == 125)
        #expect(orders[0] == orders[1])
        #expect(Set(orders[0]).count > 2, "no B pictures, or always the same")
        #expect(orders[2] != orders[1], "the clip does not tell whether a rung decides for itself")
        // x264 writes its options into the first picture. One that followed nobody would have a regular row.
        #expect(try ["720p", "480p", "360p"].map { try decidesForItself(folder, $0) } == [false, true, true])
    }

    /// While the lowest rung makes the first segment of a short video, the largest holds its pictures.
    @Test func theHeadComesFirst() throws {
        let path = try Clip.wide.source()
        let messages = Mutex<[ChildMessage]>([])
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let transcoder = Transcoder(descriptor: descriptor, folder: try TestFiles.folder(), preset: "veryfast") {
            message in
            messages.withLock { $0.append(message) }
        }
        _ = try transcoder.whole()
        let told = messages.withLock { $0 }
        let first = try #require(
            told.firstIndex { message in
                if case .segment("240p", _) = message { true } else { false }
            })
        let percents = told[..<first].compactMap { message -> Double? in
            if case .rungs(let percents) = message { percents["720p"] } else { nil }
        }
        // The first segment is half of the clip.
        // In one pass: the largest rung has begun, and waits.
        #expect(
            told[..<first].contains { if case .rendition(let header) = $0 { header.name == "720p" } else { false } })
        #expect(percents.count > 5)
        #expect((percents.last ?? 100) < 15)
        #expect(!told[..<first].contains { if case .segment("720p", _) = $0 { true } else { false } })
    }

    private func decidesForItself(_ folder: String, _ name: String) throws -> Bool {
        let bytes = try TestFiles.read("\(folder)/\(name)/0.m4s")
        #expect(bytes.firstRange(of: Array("b_adapt=".utf8)) != nil)
        return bytes.firstRange(of: Array("b_adapt=0".utf8)) == nil
    }

    /// For each sample of a rendition, how far the presentation time is from its place, in samples.
    private func order(_ folder: String, _ name: String) throws -> [Int] {
        let initialization = try TestFiles.read("\(folder)/\(name)/init.mp4")
        let samples = try Fragments.samples(segment: try TestFiles.read("\(folder)/\(name)/0.m4s"))
        let step = try Fragments.timescale(initialization: initialization) / 25
        return samples.enumerated().map { $1.presentationTime / step - $0 }
    }
}
