// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct FillMachineTests {
    private let storable = Storability.store(StoredFreshness(lifetimeMilliseconds: 1))

    private func machine(triesMax: Int = 2, isIdempotent: Bool = true) -> FillMachine {
        FillMachine(triesMax: triesMax, objectBytesMax: 1000, finishBytesMax: 10, isIdempotent: isIdempotent)
    }

    /// A fill whose head has come and that has received `count` bytes.
    private func streaming(length: Int?, received count: Int) -> FillMachine {
        var fill = machine()
        #expect(fill.headArrived(storable, contentLength: length) == .stream(storable))
        if count > 0 { #expect(fill.bodyArrived(count) == nil) }
        return fill
    }

    @Test func aWholeBodyOfTheAnnouncedLengthIsDone() {
        var fill = streaming(length: 30, received: 10)
        #expect(fill.bodyArrived(20) == nil)
        let outcome = fill.bodyEnded()
        #expect(outcome == .done)
    }

    @Test func aBodyThatEndsEarlyIsDead() {
        var fill = streaming(length: 30, received: 29)
        let outcome = fill.bodyEnded()
        #expect(outcome == .died)
    }

    @Test func aBodyThatIsTooLongIsDead() {
        var fill = streaming(length: 30, received: 0)
        #expect(fill.bodyArrived(31) == .died)
    }

    @Test func aBodyOfUnknownLengthEndsWhereItEndsWithinTheLimit() {
        var fill = streaming(length: nil, received: 1000)
        let outcome = fill.bodyEnded()
        #expect(outcome == .done)
        var long = streaming(length: nil, received: 0)
        #expect(long.bodyArrived(1001) == .died)
    }

    @Test func anAnnouncedLengthOverTheLimitIsPassedOn() {
        var fill = machine()
        #expect(fill.headArrived(storable, contentLength: 1001) == .tooLarge)
        #expect(fill.bodyArrived(1001) == nil)
        let outcome = fill.bodyEnded()
        #expect(outcome == .done)
    }

    @Test func aResponseForOneRequestIsGivenUpWithItsReader() {
        var fill = machine()
        #expect(fill.headArrived(.uncacheable, contentLength: 30) == .stream(.uncacheable))
        #expect(fill.bodyArrived(29) == nil)
        let isGivenUp = fill.readersGone()
        #expect(isGivenUp)
        var shared = streaming(length: 30, received: 29)
        let isSharedGivenUp = shared.readersGone()
        #expect(!isSharedGivenUp)
    }

    @Test func anEmptyBodyIsDone() {
        var fill = streaming(length: 0, received: 0)
        let outcome = fill.bodyEnded()
        #expect(outcome == .done)
    }

    @Test func serversAreTriedAgainBeforeTheHeadOnly() {
        var fill = machine()
        #expect(fill.failed(.server) == .retry)
        #expect(fill.failed(.server) == .end(.transientError))
        var late = streaming(length: 10, received: 0)
        #expect(late.failed(.server) == .end(.died))
    }

    @Test func aClosedKeptConnectionCostsNoTryButNotForEver() {
        var fill = machine()
        for _ in 0..<4 { #expect(fill.failed(.staleConnection(isUnsent: false)) == .retry) }
        #expect(fill.failed(.staleConnection(isUnsent: false)) == .end(.transientError))
    }

    @Test func serversThatWereNeverReachedAreAllPassedOver() {
        var fill = machine(triesMax: 3)
        #expect(fill.failed(.unreached) == .retry)
        #expect(fill.failed(.unsent) == .retry)
        #expect(fill.failed(.unsent) == .end(.transientError))
    }

    @Test func whereNobodyCouldBeReachedThatIsTheOutcome() {
        var fill = machine(triesMax: 2)
        #expect(fill.failed(.unreached) == .retry)
        #expect(fill.failed(.unreached) == .end(.unreachable))
    }

    @Test func oneServerThatHadTheRequestIsFollowedByOneOther() {
        var fill = machine(triesMax: 5)
        #expect(fill.failed(.server) == .retry)
        #expect(fill.failed(.server) == .end(.transientError))
    }

    @Test func whatMayHaveBeenCarriedOutIsNotSentAgain() {
        var sent = machine(isIdempotent: false)
        #expect(sent.failed(.server) == .end(.transientError))
        var stale = machine(isIdempotent: false)
        #expect(stale.failed(.staleConnection(isUnsent: false)) == .end(.transientError))
    }

    @Test func whatNoServerHasSeenIsSentAgain() {
        var fill = machine(triesMax: 2, isIdempotent: false)
        #expect(fill.failed(.staleConnection(isUnsent: true)) == .retry)
        #expect(fill.failed(.unsent) == .retry)
        #expect(fill.failed(.unsent) == .end(.transientError))
    }

    @Test func noRoomIsNoFaultOfAServer() {
        var fill = machine()
        #expect(fill.failed(.overloaded) == .end(.refused))
    }

    @Test func aTimeoutIsNotRepeated() {
        var fill = machine()
        #expect(fill.failed(.timeout) == .end(.waitedTooLong))
    }

    @Test func withoutReadersOnlyWhatIsNearlyDoneGoesOn() {
        #expect(!givesUp(machine()))
        #expect(givesUp(streaming(length: 100, received: 49)))
        #expect(!givesUp(streaming(length: 100, received: 50)))
        #expect(!givesUp(streaming(length: 10, received: 0)))
        #expect(givesUp(streaming(length: nil, received: 0)))
    }

    /// Nobody has asked for it yet.
    private func ahead(_ storability: Storability, length: Int?, received count: Int = 0) -> FillMachine {
        var fill = FillMachine(triesMax: 2, objectBytesMax: 1000, finishBytesMax: 10, aheadBytesMax: 200)
        #expect(fill.headArrived(storability, contentLength: length) == .stream(storability))
        if count > 0 { #expect(fill.bodyArrived(count) == nil) }
        return fill
    }

    @Test func whatIsFetchedAheadGoesOnWithoutReadersWithinItsLimit() {
        #expect(!givesUp(ahead(storable, length: 200)))
        #expect(givesUp(ahead(storable, length: 201)))
        #expect(!givesUp(ahead(storable, length: nil, received: 200)))
        #expect(givesUp(ahead(storable, length: nil, received: 201)))
    }

    @Test func whatIsFetchedAheadAndNotKeptIsGivenUp() {
        #expect(givesUp(ahead(.uncacheable, length: 100)))
        #expect(givesUp(ahead(.shareOnce, length: 100)))
    }

    @Test func whatIsFetchedAheadIsGivenUpWhenMemoryIsUsedUp() {
        #expect(givesUp(ahead(storable, length: 200), hasRoom: false))
        // What somebody had asked for goes on as far as it always does.
        #expect(!givesUp(streaming(length: 100, received: 50), hasRoom: false))
    }

    private func givesUp(_ fill: FillMachine, hasRoom: Bool = true) -> Bool {
        var fill = fill
        return fill.readersGone(hasRoom: hasRoom)
    }
}
