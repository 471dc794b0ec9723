// SPDX-License-Identifier: Apache-2.0

/// When a server counts as down and as up again.
struct HealthSettings: Sendable, Equatable {
    /// Requests that fail within `failWindowMilliseconds` before the server is taken for down; 0: never.
    var failsMax = 3
    var failWindowMilliseconds: Int64 = 10_000
    /// How long it is left alone then; twice as long after each trial that fails, up to the second one.
    var downMilliseconds: Int64 = 1000
    var downMillisecondsMax: Int64 = 30_000
    /// Whether an answer of 500 and above counts as a failure.
    var countsServerErrors = false
    /// Nil: no checks of our own.
    var check: HealthCheck?
}

/// The requests by which a server is checked.
struct HealthCheck: Sendable, Equatable {
    var path = "/healthz"
    var intervalMilliseconds: Int64 = 2000
    var timeoutMilliseconds: Int64 = 1000
    /// Good answers in a row until a server that the checks found down is up.
    var healthyThreshold = 2
    /// Bad ones in a row until one that is up is down.
    var unhealthyThreshold = 3
    /// The status of a good answer; 0 for any from 200 to 399.
    var expectedStatus = 0
}

/// Whether one server is up, without I/O: what requests and checks have met goes in, with its time; the state comes out.
///
/// Two sources, which both must find it up. Requests that fail take it down for a time (passive); then one request at a
/// time is let through, and its end decides: the circuit breaker of Nygard, "Release It!", 2007. Checks take it down
/// by `unhealthyThreshold` bad answers and up by `healthyThreshold` good ones (active); what they have taken down only
/// they bring up, and good ones end a passive pause, too.
struct HealthMachine: Sendable {
    enum State: UInt8, Sendable {
        case up
        /// One request may try it.
        case halfOpen
        /// Requests have failed; nobody knows how it is now.
        case paused
        /// Our own checks say so.
        case down
    }

    private enum Passive: Equatable {
        case closed
        /// Left alone from the one time to the other; for the `round`-th time in a row.
        case open(sinceMilliseconds: Int64, untilMilliseconds: Int64, round: Int)
        /// A trial may be made, or has been under way since.
        case halfOpen(trialSinceMilliseconds: Int64?, round: Int)
    }

    /// A trial that nobody has reported on for so long is forgotten: its request was given up.
    static let trialMilliseconds: Int64 = 30_000

    private var settings: HealthSettings
    private var passive = Passive.closed
    /// When the latest failures were.
    private var failures: [Int64] = []
    private var isFoundDown = false
    /// Checks in a row that went well, and that did not.
    private var goodChecks = 0
    private var badChecks = 0

    init(_ settings: HealthSettings) {
        self.settings = settings
    }

    var state: State {
        if isFoundDown { return .down }
        switch passive {
        case .closed: return .up
        case .open: return .paused
        case .halfOpen(let trialSince, _): return trialSince == nil ? .halfOpen : .paused
        }
    }

    /// True while a success would change nothing: it need not be reported.
    var isClean: Bool { passive == .closed && failures.isEmpty }

    /// Takes other settings. What only the checks have found is forgotten with them.
    mutating func apply(_ settings: HealthSettings) {
        if settings.check == nil { isFoundDown = false }
        if settings.check != self.settings.check {
            goodChecks = 0
            badChecks = 0
        }
        if settings.failsMax == 0 { close() }
        self.settings = settings
    }

    /// Time has passed.
    mutating func advance(nowMilliseconds now: Int64) {
        switch passive {
        case .open(_, let until, let round) where now >= until:
            passive = .halfOpen(trialSinceMilliseconds: nil, round: round)
        case .halfOpen(let since?, let round) where now - since >= Self.trialMilliseconds:
            passive = .halfOpen(trialSinceMilliseconds: nil, round: round)
        default: break
        }
    }

    /// A request is sent to it as a trial.
    mutating func trialBegan(nowMilliseconds now: Int64) {
        guard case .halfOpen(nil, let round) = passive else { return }
        passive = .halfOpen(trialSinceMilliseconds: now, round: round)
    }

    /// The trial was given up without a verdict.
    mutating func trialAbandoned() {
        guard case .halfOpen(_?, let round) = passive else { return }
        passive = .halfOpen(trialSinceMilliseconds: nil, round: round)
    }

    /// A request was answered that was sent at `startedMilliseconds`. One that was begun before a pause does not end it.
    mutating func requestSucceeded(startedMilliseconds: Int64) {
        if case .open(let since, _, _) = passive, startedMilliseconds <= since { return }
        close()
    }

    /// A request failed by the server's fault.
    mutating func requestFailed(nowMilliseconds now: Int64) {
        switch passive {
        case .closed:
            guard settings.failsMax > 0 else { return }
            failures.removeAll { now - $0 >= settings.failWindowMilliseconds }
            failures.append(now)
            guard failures.count >= settings.failsMax else { return }
            open(nowMilliseconds: now, round: 0)
        case .halfOpen(_, let round): open(nowMilliseconds: now, round: round + 1)
        // What was under way when it went down says nothing new.
        case .open: break
        }
    }

    mutating func checkSucceeded() {
        guard let check = settings.check else { return }
        badChecks = 0
        goodChecks = min(goodChecks + 1, check.healthyThreshold)
        guard goodChecks >= check.healthyThreshold else { return }
        isFoundDown = false
        if passive != .closed { close() }
    }

    mutating func checkFailed() {
        guard let check = settings.check else { return }
        goodChecks = 0
        badChecks = min(badChecks + 1, check.unhealthyThreshold)
        if badChecks >= check.unhealthyThreshold { isFoundDown = true }
    }

    private mutating func open(nowMilliseconds now: Int64, round: Int) {
        failures.removeAll()
        // Checks that went well before say nothing of the server as it is now.
        goodChecks = 0
        let factor = Int64(1) << Int64(min(round, 20))
        let pauseMax = max(settings.downMillisecondsMax, settings.downMilliseconds)
        let pause = min(settings.downMilliseconds * factor, pauseMax)
        passive = .open(sinceMilliseconds: now, untilMilliseconds: now + pause, round: round)
    }

    private mutating func close() {
        passive = .closed
        failures.removeAll()
    }
}
