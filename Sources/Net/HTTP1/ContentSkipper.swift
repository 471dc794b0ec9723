// SPDX-License-Identifier: Apache-2.0

/// Reads past the content of a request, which nothing of ours wants, so that the next request is found behind it
/// (RFC 9112 section 6.3). Pure: any split of the input gives the same end.
struct ContentSkipper {
    enum Step: Equatable {
        /// All of the input was content.
        case needsInput
        /// The content is over; the next request begins at this position of the input.
        case end(Int)
        /// The chunks are malformed, or there is more content than is read for nothing.
        case refused
    }

    private enum State {
        case length(Int)
        case chunked(ChunkedDecoder, allowance: Int)
    }

    private var state: State

    /// Nil when there is no content. `bytesMax` is the most that is skipped.
    init?(_ content: RequestParser.Framing.Content, bytesMax: Int) {
        switch content {
        case .none: return nil
        case .length(let length): state = .length(length)
        case .chunked: state = .chunked(ChunkedDecoder(), allowance: bytesMax)
        }
    }

    /// Skips from `position` of `input` on.
    mutating func skip(_ input: UnsafeRawBufferPointer, from position: Int) -> Step {
        switch state {
        case .length(let length):
            let count = min(length, input.count - position)
            state = .length(length - count)
            return count == length ? .end(position + count) : .needsInput
        case .chunked(var decoder, var allowance):
            var position = position
            while true {
                switch decoder.next(input, at: &position) {
                case .body(let range):
                    allowance -= range.count
                    guard allowance >= 0 else { return .refused }
                case .needsInput:
                    state = .chunked(decoder, allowance: allowance)
                    return .needsInput
                case .end(let used): return .end(used)
                case .malformed: return .refused
                }
            }
        }
    }
}
