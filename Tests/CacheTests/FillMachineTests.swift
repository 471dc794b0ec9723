// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

/// Every event in every state: before the head, while the body comes, and after the end.
@Suite struct FillMachineTests {
    private let storable = Storability.store(StoredFreshness(lifetimeMilliseconds: 1))

    private func machine(triesMax: Int = 2, finishBytesMax: Int = 10, isIdempotent: Bool = true) -> FillMachine {
        FillMachine(
            triesMax: triesMax, objectBytesMax: 1000, finishBytesMax: finishBytesMax, isIdempotent: isIdempotent)
    }

    /// A fill whose head has come and that has received `count` bytes.
    private func streaming(
        _ storability: Storability? = nil, length: Int?, received count: Int, finishBytesMax: Int = 10
    ) -> FillMachine {
        var fill = machine(finishBytesMax: finishBytesMax)
        let storability = storability ?? storable
        #expect(fill.headArrived(storability, contentLength: length) == .stream(storability))
        if count > 0 { #expect(fill.bodyArrived(count) == nil) }
        return fill
    }

    private func givesUp(_ fill: FillMachine, hasRoom: Bool = true) -> Bool {
        var fill = fill
        return fill.readersGone(hasRoom: hasRoom)
    }

    private func end(_ fill: FillMachine) -> FillOutcome {
        var fill = fill
        return fill.bodyEnded()
    }

    private static let failures: [FillMachine.Failure] = [
        .staleConnection(isUnsent: true), .staleConnection(isUnsent: false), .unreached, .unsent, .server, .timeout,
        .overloaded,
    ]

    // MARK: The head

    @Test func theHeadSaysWhatBecomesOfTheBody() {
        for storability in [storable, .shareOnce, .uncacheable] {
            for length in [nil, 0, 1000] {
                var fill = machine()
                #expect(fill.headArrived(storability, contentLength: length) == .stream(storability))
            }
        }
    }

    @Test func aHeadMayComeAfterFailedTries() {
        var fill = machine()
        #expect(fill.failed(.server) == .retry)
        #expect(fill.headArrived(storable, contentLength: 3) == .stream(storable))
        #expect(fill.bodyArrived(3) == nil)
        #expect(end(fill) == .done)
    }

    @Test func whatIsLargerThanAnObjectIsPassedOnAsAWhole() {
        for storability in [storable, .shareOnce, .uncacheable] {
            var fill = machine()
            #expect(fill.headArrived(storability, contentLength: 1001) == .tooLarge)
            #expect(fill.bodyArrived(1000) == nil)
            #expect(end(fill) == .died)
            #expect(fill.bodyArrived(1) == nil)
            #expect(givesUp(fill), "nobody else can have it")
            #expect(end(fill) == .done)
        }
    }

    // MARK: The body

    @Test func aWholeBodyOfTheAnnouncedLengthIsDone() {
        var fill = streaming(length: 30, received: 10)
        #expect(fill.bodyArrived(20) == nil)
        #expect(end(fill) == .done)
    }

    @Test func anEmptyBodyIsDone() {
        #expect(end(streaming(length: 0, received: 0)) == .done)
        #expect(end(streaming(length: nil, received: 0)) == .done)
    }

    @Test func aBodyThatEndsEarlyIsDead() {
        #expect(end(streaming(length: 30, received: 0)) == .died)
        #expect(end(streaming(length: 30, received: 29)) == .died)
        #expect(end(streaming(.shareOnce, length: 30, received: 29)) == .died)
        #expect(end(streaming(.uncacheable, length: 30, received: 29)) == .died)
    }

    @Test func aBodyThatIsTooLongIsDead() {
        for storability in [storable, .shareOnce, .uncacheable] {
            var fill = streaming(storability, length: 30, received: 30)
            #expect(fill.bodyArrived(1) == .died)
            #expect(end(fill) == .died, "what is dead stays dead")
        }
    }

    @Test func aBodyOfUnknownLengthEndsWhereItEndsWithinTheLimit() {
        for storability in [storable, .shareOnce] {
            var fill = streaming(storability, length: nil, received: 1000)
            #expect(end(fill) == .done)
            #expect(fill.bodyArrived(1) == .died)
        }
    }

    @Test func aBodyForOneHasNoLimit() {
        var fill = streaming(.uncacheable, length: nil, received: 1000)
        #expect(fill.bodyArrived(1_000_000) == nil)
        #expect(end(fill) == .done)
    }

    @Test func aBodyWithoutAHeadIsDead() {
        var fill = machine()
        #expect(fill.bodyArrived(1) == .died)
        #expect(end(fill) == .died)
    }

    // MARK: Failures before the head

    @Test func aClosedKeptConnectionCostsNoTryButNotForEver() {
        var fill = machine()
        for _ in 0..<4 { #expect(fill.failed(.staleConnection(isUnsent: false)) == .retry) }
        #expect(fill.failed(.staleConnection(isUnsent: false)) == .end(.transientError))
    }

    @Test func oneServerThatHadTheRequestIsFollowedByOneOther() {
        var fill = machine(triesMax: 5)
        #expect(fill.failed(.server) == .retry)
        #expect(fill.failed(.server) == .end(.transientError))
        var alone = machine(triesMax: 1)
        #expect(alone.failed(.server) == .end(.transientError))
    }

    @Test func serversThatDidNotTakeTheRequestAreAllPassedOver() {
        var fill = machine(triesMax: 4)
        #expect(fill.failed(.unreached) == .retry)
        #expect(fill.failed(.unsent) == .retry)
        #expect(fill.failed(.unreached) == .retry)
        #expect(fill.failed(.unreached) == .end(.transientError), "one of them was there")
    }

    @Test func whereNobodyCouldBeReachedThatIsTheOutcome() {
        for triesMax in 1...3 {
            for isIdempotent in [true, false] {
                var fill = machine(triesMax: triesMax, isIdempotent: isIdempotent)
                for _ in 1..<triesMax { #expect(fill.failed(.unreached) == .retry) }
                #expect(fill.failed(.unreached) == .end(.unreachable))
            }
        }
    }

    @Test func aServerThatAnsweredBadlyIsNoUnreachableOne() {
        for failure in [FillMachine.Failure.server, .staleConnection(isUnsent: false), .unsent] {
            var fill = machine(triesMax: 2)
            #expect(fill.failed(failure) == .retry)
            var last = fill.failed(.unreached)
            if last == .retry { last = fill.failed(.unreached) }
            #expect(last == .end(.transientError))
        }
    }

    @Test func whatMayHaveBeenCarriedOutIsNotSentAgain() {
        for failure in [FillMachine.Failure.server, .staleConnection(isUnsent: false)] {
            var fill = machine(triesMax: 5, isIdempotent: false)
            #expect(fill.failed(failure) == .end(.transientError))
        }
    }

    @Test func whatNoServerHasSeenIsSentAgain() {
        var fill = machine(triesMax: 2, isIdempotent: false)
        #expect(fill.failed(.staleConnection(isUnsent: true)) == .retry)
        #expect(fill.failed(.unsent) == .retry)
        #expect(fill.failed(.unsent) == .end(.transientError))
    }

    @Test func noRoomIsNoFaultOfAServer() {
        var fill = machine(triesMax: 5)
        #expect(fill.failed(.overloaded) == .end(.refused))
    }

    @Test func aTimeoutIsNotRepeated() {
        var fill = machine(triesMax: 5)
        #expect(fill.failed(.timeout) == .end(.waitedTooLong))
    }

    // MARK: Failures after the head, and after the end

    @Test(arguments: failures) func afterTheHeadEveryFailureIsFinal(_ failure: FillMachine.Failure) {
        for count in [0, 9] {
            var fill = streaming(length: 10, received: count)
            #expect(fill.failed(failure) == .end(.died))
            #expect(fill.bodyArrived(1) == .died)
            #expect(end(fill) == .died)
            #expect(!givesUp(fill))
        }
    }

    @Test(arguments: failures) func afterTheEndNothingIsTriedAgain(_ failure: FillMachine.Failure) {
        var failed = machine(triesMax: 5)
        #expect(failed.failed(.timeout) == .end(.waitedTooLong))
        #expect(failed.failed(failure) == .end(.died))
        var done = streaming(length: 1, received: 1)
        let outcome = done.bodyEnded()
        #expect(outcome == .done)
        #expect(done.failed(failure) == .end(.died))
        #expect(end(done) == .died, "a body ends once")
        var leftAlone = streaming(length: 100, received: 0)
        let isGivenUp = leftAlone.readersGone()
        #expect(isGivenUp)
        #expect(leftAlone.failed(failure) == .end(.died))
    }

    // MARK: Readers that leave

    @Test func beforeTheHeadNobodyKnowsWhatItIsWorth() {
        var fill = machine()
        #expect(!givesUp(fill))
        #expect(fill.failed(.server) == .retry)
        #expect(!givesUp(fill))
    }

    @Test func withoutReadersOnlyWhatIsSmallOrNearlyDoneGoesOn() {
        #expect(givesUp(streaming(length: 100, received: 49)))
        #expect(!givesUp(streaming(length: 100, received: 50)))
        #expect(!givesUp(streaming(length: 10, received: 0)))
        #expect(givesUp(streaming(length: 11, received: 0)))
        #expect(!givesUp(streaming(length: 100, received: 0, finishBytesMax: 100)))
        #expect(givesUp(streaming(length: 100, received: 0, finishBytesMax: 0)))
        #expect(!givesUp(streaming(.shareOnce, length: 100, received: 50)))
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

    @Test func whatHasNoKnownEndIsGivenUp() {
        #expect(givesUp(streaming(length: nil, received: 0)))
        #expect(givesUp(streaming(length: nil, received: 999)))
    }

    @Test func aResponseForOneRequestIsGivenUpWithItsReader() {
        #expect(givesUp(streaming(.uncacheable, length: 30, received: 29)))
    }

    @Test func whatGoesOnWithoutReadersIsDoneLikeAnyOther() {
        var fill = streaming(length: 100, received: 50)
        let isGivenUp = fill.readersGone()
        #expect(!isGivenUp)
        #expect(fill.bodyArrived(50) == nil)
        #expect(end(fill) == .done)
    }

    @Test func whatIsGivenUpTakesNothingMore() {
        var fill = streaming(length: 100, received: 0)
        let isGivenUp = fill.readersGone()
        #expect(isGivenUp)
        #expect(!givesUp(fill), "it is given up once")
        #expect(fill.bodyArrived(100) == .died)
        #expect(end(fill) == .died)
    }

    @Test func afterTheEndThereIsNothingToGiveUp() {
        var fill = streaming(length: 1, received: 1)
        let outcome = fill.bodyEnded()
        #expect(outcome == .done)
        #expect(!givesUp(fill))
    }
}
