// SPDX-License-Identifier: Apache-2.0

/// Reads past the content of a request, so that the next request is found behind it (RFC 9112 section 6.3); who wants the
/// content is given it piece by piece. Pure: any split of the input gives the same content and the same end.
struct ContentSkipper {
    enum Step: Equatable {
        /// All of the input was content.
        case needsInput
        /// The content is over; the next request begins at this position of the input.
        case end(Int)
        /// There is more content than is read for nothing.
        case refused
        /// The chunks are malformed.
        case malformed
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

    /// Skips from `position` of `input` on, and shows `taking` each piece of content.
    mutating func skip(
        _ input: UnsafeRawBufferPointer, from position: Int, taking: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) -> Step {
        switch state {
        case .length(let length):
            let count = min(length, input.count - position)
            state = .length(length - count)
            taking(input.slice(position..<position + count))
            return count == length ? .end(position + count) : .needsInput
        case .chunked(var decoder, var allowance):
            var position = position
            while true {
                switch decoder.next(input, at: &position) {
                case .body(let range):
                    allowance -= range.count
                    guard allowance >= 0 else { return .refused }
                    taking(input.slice(range))
                case .needsInput:
                    state = .chunked(decoder, allowance: allowance)
                    return .needsInput
                case .end(let used): return .end(used)
                case .malformed: return .malformed
                }
            }
        }
    }
}
