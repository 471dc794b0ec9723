// SPDX-License-Identifier: Apache-2.0

import Base
import Net

extension EdgeConfiguration {
    /// Reads `limits:`.
    mutating func readLimits(_ section: ConfigurationSection) {
        serverLimits.connectionsMax = section.integer(
            "connectionsPerWorker", default: serverLimits.connectionsMax, in: 1...1_000_000)
        connectionsPerAddress = section.integer(
            "connectionsPerAddress", default: connectionsPerAddress, in: 0...1_000_000)
        serverLimits.requestsPerConnectionMax = section.integer(
            "requestsPerConnection", default: serverLimits.requestsPerConnectionMax, in: 1...1_000_000_000)
        serverLimits.streamsMax = section.integer("streams", default: serverLimits.streamsMax, in: 1...1000)
        serverLimits.outputBytesMax = section.bytes(
            "outputBytesPerWorker", default: serverLimits.outputBytesMax, in: 1 << 20...1 << 40)
        serverLimits.unsentBytesMax = section.bytes(
            "unsentBytes", default: serverLimits.unsentBytesMax, in: 16 << 10...64 << 20)
        serverLimits.sendMinimumBytesPerSecond = section.integer(
            "sendMinimumBytesPerSecond", default: serverLimits.sendMinimumBytesPerSecond, in: 0...1_000_000)
        readRequestLimits(section)
        readTimes(section)
        readFrameLimits(section.section("framesPerMinute"))
    }

    private mutating func readRequestLimits(_ section: ConfigurationSection) {
        serverLimits.headerBytesMax = section.bytes(
            "headerBytes", default: serverLimits.headerBytesMax, in: 4096...65_536)
        serverLimits.headerFieldsMax = section.integer(
            "headerFields", default: serverLimits.headerFieldsMax, in: 10...1000)
        serverLimits.targetBytesMax = section.bytes(
            "targetBytes", default: min(serverLimits.targetBytesMax, serverLimits.headerBytesMax), in: 256...65_536)
        rangesMax = section.integer("ranges", default: rangesMax, in: 1...256)
        serverLimits.contentBytesMax = section.bytes(
            "contentBytes", default: serverLimits.contentBytesMax, in: 0...1 << 30)
        serverLimits.contentBytesHeldMax = section.bytes(
            "contentBytesPerWorker", default: serverLimits.contentBytesHeldMax, in: 64 << 10...1 << 40)
        serverLimits.frames.continuationsMax = section.integer(
            "continuations", default: serverLimits.frames.continuationsMax, in: 0...64)
    }

    private mutating func readTimes(_ section: ConfigurationSection) {
        func milliseconds(_ key: String, _ fallback: Int64) -> Int64 {
            Int64(section.integer(key, default: Int(fallback), in: 100...3_600_000))
        }
        serverLimits.handshakeTimeoutMilliseconds = milliseconds(
            "handshakeTimeoutMilliseconds", serverLimits.handshakeTimeoutMilliseconds)
        serverLimits.headerTimeoutMilliseconds = milliseconds(
            "headerTimeoutMilliseconds", serverLimits.headerTimeoutMilliseconds)
        serverLimits.contentTimeoutMilliseconds = milliseconds(
            "contentTimeoutMilliseconds", serverLimits.contentTimeoutMilliseconds)
        serverLimits.lingerTimeoutMilliseconds = milliseconds(
            "lingerTimeoutMilliseconds", serverLimits.lingerTimeoutMilliseconds)
        serverLimits.idleTimeoutMilliseconds = milliseconds(
            "idleTimeoutMilliseconds", serverLimits.idleTimeoutMilliseconds)
        serverLimits.sendStallTimeoutMilliseconds = milliseconds(
            "sendStallTimeoutMilliseconds", serverLimits.sendStallTimeoutMilliseconds)
        serverLimits.lifetimeMilliseconds = Int64(
            section.integer(
                "lifetimeMilliseconds", default: Int(serverLimits.lifetimeMilliseconds), in: 1000...604_800_000))
        drainMilliseconds = milliseconds("drainMilliseconds", drainMilliseconds)
    }

    private mutating func readFrameLimits(_ section: ConfigurationSection) {
        func frames(_ key: String, _ limit: WritableKeyPath<FrameLimits, Int>) {
            serverLimits.frames[keyPath: limit] = section.integer(
                key, default: serverLimits.frames[keyPath: limit], in: 1...1_000_000)
        }
        frames("pings", \.pingsPerMinute)
        frames("settings", \.settingsPerMinute)
        frames("priorities", \.prioritiesPerMinute)
        frames("resets", \.resetsPerMinute)
        frames("faults", \.faultsPerMinute)
        frames("empty", \.emptyFramesPerMinute)
        frames("windowUpdates", \.windowUpdatesPerMinute)
    }
}
