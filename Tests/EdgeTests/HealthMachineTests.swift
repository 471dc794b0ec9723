// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Edge

@Suite struct HealthMachineTests {
    private let passive = HealthSettings(
        failsMax: 3, failWindowMilliseconds: 1000, downMilliseconds: 100, downMillisecondsMax: 350)
    private var active: HealthSettings {
        var settings = passive
        settings.check = HealthCheck(healthyThreshold: 2, unhealthyThreshold: 3)
        return settings
    }

    /// A machine that three failures at `now` have paused.
    private func paused(_ settings: HealthSettings, now: Int64 = 0) -> HealthMachine {
        var machine = HealthMachine(settings)
        for _ in 0..<3 { machine.requestFailed(nowMilliseconds: now) }
        return machine
    }

    @Test func failuresWithinTheWindowPause() {
        var machine = HealthMachine(passive)
        machine.requestFailed(nowMilliseconds: 0)
        machine.requestFailed(nowMilliseconds: 500)
        #expect(machine.state == .up)
        machine.requestFailed(nowMilliseconds: 999)
        #expect(machine.state == .paused)
    }

    @Test func failuresThatAreFarApartDoNot() {
        var machine = HealthMachine(passive)
        for time: Int64 in [0, 600, 1200, 1800, 2400] { machine.requestFailed(nowMilliseconds: time) }
        #expect(machine.state == .up)
    }

    @Test func aSuccessInBetweenForgetsFailures() {
        var machine = HealthMachine(passive)
        for time: Int64 in 0..<10 {
            machine.requestFailed(nowMilliseconds: time)
            machine.requestFailed(nowMilliseconds: time)
            #expect(!machine.isClean)
            machine.requestSucceeded(startedMilliseconds: .max)
            #expect(machine.isClean)
        }
        #expect(machine.state == .up)
    }

    @Test func afterThePauseOneTrialDecides() {
        var machine = paused(passive)
        machine.advance(nowMilliseconds: 99)
        #expect(machine.state == .paused)
        machine.advance(nowMilliseconds: 100)
        #expect(machine.state == .halfOpen)
        machine.trialBegan(nowMilliseconds: 110)
        #expect(machine.state == .paused, "one trial at a time")
        machine.requestSucceeded(startedMilliseconds: .max)
        #expect(machine.state == .up)
    }

    @Test func eachTrialThatFailsDoublesThePauseUpToItsLimit() {
        var machine = paused(passive)
        var now: Int64 = 0
        for pause: Int64 in [100, 200, 350, 350] {
            machine.advance(nowMilliseconds: now + pause - 1)
            #expect(machine.state == .paused)
            now += pause
            machine.advance(nowMilliseconds: now)
            #expect(machine.state == .halfOpen)
            machine.trialBegan(nowMilliseconds: now)
            machine.requestFailed(nowMilliseconds: now)
        }
        machine.advance(nowMilliseconds: now + 350)
        machine.requestSucceeded(startedMilliseconds: .max)
        for _ in 0..<3 { machine.requestFailed(nowMilliseconds: now + 400) }
        machine.advance(nowMilliseconds: now + 500)
        #expect(machine.state == .halfOpen, "a success has reset the pause")
    }

    @Test func aTrialThatIsGivenUpMakesRoomForAnother() {
        var machine = paused(passive)
        machine.advance(nowMilliseconds: 100)
        machine.trialBegan(nowMilliseconds: 100)
        machine.trialAbandoned()
        #expect(machine.state == .halfOpen)
        machine.trialBegan(nowMilliseconds: 100)
        machine.advance(nowMilliseconds: 100 + HealthMachine.trialMilliseconds)
        #expect(machine.state == .halfOpen, "nobody has reported on it")
    }

    @Test func whatWasBegunBeforeThePauseSaysNothing() {
        var machine = paused(passive)
        machine.requestFailed(nowMilliseconds: 50)
        machine.requestSucceeded(startedMilliseconds: 0)
        #expect(machine.state == .paused)
        machine.advance(nowMilliseconds: 100)
        #expect(machine.state == .halfOpen)
    }

    /// Nobody else was up, so it was asked all the same, and it answered.
    @Test func aSuccessThatWasBegunInThePauseEndsIt() {
        var machine = paused(passive)
        machine.requestSucceeded(startedMilliseconds: 1)
        #expect(machine.state == .up)
    }

    @Test func withoutALimitOfFailuresNothingIsPaused() {
        var settings = passive
        settings.failsMax = 0
        #expect(paused(settings).state == .up)
        var machine = paused(passive)
        machine.apply(settings)
        #expect(machine.state == .up)
    }

    @Test func badChecksInARowTakeDownAndGoodOnesBringUp() {
        var machine = HealthMachine(active)
        machine.checkFailed()
        machine.checkFailed()
        machine.checkSucceeded()
        machine.checkFailed()
        machine.checkFailed()
        #expect(machine.state == .up)
        machine.checkFailed()
        #expect(machine.state == .down)
        machine.checkSucceeded()
        machine.checkFailed()
        machine.checkSucceeded()
        #expect(machine.state == .down)
        machine.checkSucceeded()
        #expect(machine.state == .up)
    }

    @Test func requestsDoNotBringUpWhatChecksTookDown() {
        var machine = HealthMachine(active)
        for _ in 0..<3 { machine.checkFailed() }
        machine.requestSucceeded(startedMilliseconds: .max)
        machine.advance(nowMilliseconds: 1_000_000)
        #expect(machine.state == .down)
    }

    @Test func goodChecksEndAPauseButNotThoseBeforeIt() {
        var machine = HealthMachine(active)
        for _ in 0..<10 { machine.checkSucceeded() }
        for _ in 0..<3 { machine.requestFailed(nowMilliseconds: 0) }
        machine.checkSucceeded()
        #expect(machine.state == .paused)
        machine.checkSucceeded()
        #expect(machine.state == .up)
    }

    @Test func checksThatAreTakenAwayTakeTheirVerdictAlong() {
        var machine = HealthMachine(active)
        for _ in 0..<3 { machine.checkFailed() }
        machine.apply(passive)
        #expect(machine.state == .up)
    }
}
