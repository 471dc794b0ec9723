// SPDX-License-Identifier: Apache-2.0

/// How a fill ended, for everyone who waited for it. The closed list of what can happen to a reader.
public enum FillOutcome: UInt8, Sendable, Equatable {
    /// The object is whole.
    case done
    /// The response belongs to the request that fetched it; every other reader fetches for itself, in parallel.
    case uncacheable
    /// Upstream could not be asked, again and again: readers get an error, and the next request elects a new fill.
    case transientError
    /// No server could be reached, so none has said anything: readers get 503, and the next request elects a new fill.
    case unreachable
    /// There is no memory for another body: readers get 503.
    case refused
    /// The fill broke off in the middle of the body: responses under way are reset, never ended.
    case died
    /// The first byte did not come in time.
    case waitedTooLong
}

/// The life of one fill, without I/O: what the upstream does goes in, what to do about it comes out.
///
/// A fill belongs to its key, not to the request that caused it. It retries only before the first byte of a
/// response; after that an error is final, because bytes have gone out. Used by the loop that runs the fill.
public struct FillMachine: Sendable {
    /// What the world can do wrong before the head has come.
    public enum Failure: Sendable, Equatable {
        /// A kept connection was closed under us: says nothing about the server. `isUnsent`: before any byte of the request.
        case staleConnection(isUnsent: Bool)
        /// No connection to the server came about.
        case unreached
        /// The server is there, but can not have seen the request: TLS failed, or it closed too early.
        case unsent
        case server
        case timeout
        /// There was no room among the requests that wait.
        case overloaded
    }

    public enum HeadAction: Sendable, Equatable {
        /// Publish the head and store the body under the key.
        case stream(Storability)
        /// Larger than an object may be: it is passed on as what is uncacheable.
        case tooLarge
    }

    public enum FailureAction: Sendable, Equatable {
        /// Ask again, another server if there is one.
        case retry
        case end(FillOutcome)
    }

    private enum State: Sendable, Equatable {
        case waitingForHead
        case streaming(received: Int, expected: Int?)
        case ended
    }

    /// The response is for one request: nobody will have a use for it when that has left.
    private var isForOne = false

    /// A server that has failed with the request in its hands is followed by one other.
    private static let sentTriesMax = 2

    private let triesMax: Int
    private let isIdempotent: Bool
    private let objectBytesMax: Int
    /// A fill whose readers have all left goes on when no more than this is missing.
    private let finishBytesMax: Int
    /// What may come without a reader, where nobody has asked yet; nil where somebody had.
    private let aheadBytesMax: Int?
    private var isKept = false
    private var tries = 1
    private var sentTries = 0
    private var staleConnections = 0
    /// Every try so far has ended before a connection stood.
    private var isUnreached = true
    private var state = State.waitingForHead

    /// `triesMax` is how many servers may be asked. A request that is not idempotent is sent again only when no server can
    /// have seen it (RFC 9110 section 9.2.2). A fill that was begun before anybody asked goes on without readers while its
    /// body is no longer than `aheadBytesMax`.
    public init(
        triesMax: Int, objectBytesMax: Int, finishBytesMax: Int, isIdempotent: Bool = true, aheadBytesMax: Int? = nil
    ) {
        precondition(triesMax >= 1 && objectBytesMax > 0 && finishBytesMax >= 0)
        self.triesMax = triesMax
        self.isIdempotent = isIdempotent
        self.objectBytesMax = objectBytesMax
        self.finishBytesMax = finishBytesMax
        self.aheadBytesMax = aheadBytesMax
    }

    /// The response head has come, with the length of the body when it tells it.
    public mutating func headArrived(_ storability: Storability, contentLength: Int?) -> HeadAction {
        precondition(state == .waitingForHead, "a response has one head")
        state = .streaming(received: 0, expected: contentLength)
        isForOne = storability == .uncacheable
        if let contentLength, contentLength > objectBytesMax {
            isForOne = true
            return .tooLarge
        }
        if case .store = storability { isKept = true }
        return .stream(storability)
    }

    /// Body bytes have come. Nil when they may be stored; otherwise the fill has ended that way.
    public mutating func bodyArrived(_ count: Int) -> FillOutcome? {
        guard case .streaming(let received, let expected) = state else { return .died }
        let total = received + count
        // What is for one is not kept: it may be as long as it likes.
        guard total <= expected ?? (isForOne ? .max : objectBytesMax) else {
            state = .ended
            return .died
        }
        state = .streaming(received: total, expected: expected)
        return nil
    }

    /// The body has ended by its framing. A length that is not the announced one is never a whole object.
    public mutating func bodyEnded() -> FillOutcome {
        guard case .streaming(let received, let expected) = state else { return .died }
        state = .ended
        return expected == nil || expected == received ? .done : .died
    }

    public mutating func failed(_ failure: Failure) -> FailureAction {
        guard state == .waitingForHead else { return end(.died) }
        if failure != .unreached { isUnreached = false }
        switch failure {
        case .staleConnection(let isUnsent) where (isIdempotent || isUnsent) && staleConnections < 3:
            staleConnections += 1
            return .retry
        case .staleConnection, .server:
            sentTries += 1
            return isIdempotent && sentTries < Self.sentTriesMax ? retryElsewhere() : end(.transientError)
        case .unreached, .unsent: return retryElsewhere()
        case .timeout: return end(.waitedTooLong)
        case .overloaded: return end(.refused)
        }
    }

    private mutating func retryElsewhere() -> FailureAction {
        guard tries < triesMax else { return end(isUnreached ? .unreachable : .transientError) }
        tries += 1
        return .retry
    }

    private mutating func end(_ outcome: FillOutcome) -> FailureAction {
        state = .ended
        return .end(outcome)
    }

    /// Nobody reads. True when the fill is to be given up: what is missing is more than it is worth. `hasRoom` is false when
    /// memory is used up.
    public mutating func readersGone(hasRoom: Bool = true) -> Bool {
        switch state {
        case .waitingForHead, .ended: return false
        case .streaming(let received, let expected):
            let isNearlyDone = expected.map { $0 - received <= max(finishBytesMax, $0 / 2) } ?? false
            let isAhead = aheadBytesMax.map { isKept && hasRoom && expected ?? received <= $0 } ?? false
            guard !isForOne, isNearlyDone || isAhead else {
                state = .ended
                return true
            }
            return false
        }
    }
}
