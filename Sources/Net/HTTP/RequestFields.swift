// SPDX-License-Identifier: Apache-2.0

/// All regular fields of a request's head in the order of their arrival, as views into its connection's memory: valid
/// only as long as the `RequestHead` that they belong to. Read where a request goes upstream, never by a hit.
public struct RequestFields {
    enum Storage {
        case none
        /// The lines of an HTTP/1.1 head behind its first one, with the empty line that ends it; they have been checked.
        case lines(UnsafeRawBufferPointer)
        /// What `HeadMemory` keeps of an HTTP/2 head.
        case entries(HeadMemory)
    }

    var storage = Storage.none

    /// Calls `body` with each field. Names are as the client wrote them: in any case over HTTP/1.1, in lower case over
    /// HTTP/2.
    public func visit(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void) {
        switch storage {
        case .none: return
        case .lines(let bytes):
            var lines = HeadLines(bytes)
            while case .field(let name, let value) = lines.nextField() { body(name, value) }
        case .entries(let memory):
            for index in 0..<memory.fieldCount {
                let field = memory.field(index)
                body(field.name, field.value)
            }
        }
    }
}
