// SPDX-License-Identifier: Apache-2.0

import Base

extension HTTP1Session {
    private static let pipelinedBytesMax = 65_536

    /// Takes bytes from the client. False when the connection is to be closed (after what was answered).
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard carry.isEmpty, exchange == nil || content != nil || !keepsAlive else {
            guard carry.count + bytes.count <= Self.pipelinedBytesMax else { return false }
            carry.append(contentsOf: bytes)
            return !isIdle || readCarry()
        }
        let used = read(bytes)
        guard used >= 0, bytes.count - used <= Self.pipelinedBytesMax else { return false }
        if used < bytes.count { carry.append(contentsOf: bytes[used...]) }
        return true
    }

    func readCarry() -> Bool {
        // The views of a parsed head point into the memory passed to `read`, so it must not change meanwhile.
        var bytes = carry
        carry = []
        let used = bytes.withUnsafeBytes { read($0) }
        guard used >= 0 else { return false }
        bytes.removeFirst(used)
        bytes.append(contentsOf: carry)
        carry = bytes
        return true
    }

    /// Skips content and starts requests whose heads are complete. Returns the bytes used, -1 to close.
    private func read(_ bytes: UnsafeRawBufferPointer) -> Int {
        var position = 0
        while position < bytes.count, connection.phase == .open {
            guard keepsAlive || exchange?.collected != nil else {
                // Nothing after the last request is looked at.
                leavesInput = true
                return bytes.count
            }
            if content != nil {
                guard takeContent(bytes, &position) else { return exchange == nil ? -1 : bytes.count }
            } else if exchange == nil {
                let before = position
                guard startRequest(bytes, &position) else { return -1 }
                // More of the head has to come, or the output has no room.
                if position == before { return position }
            } else {
                return position
            }
        }
        return position
    }

    /// Takes content for the exchange that collects it, or for nobody. False when the rest of the connection can not be read.
    private func takeContent(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        let collector = exchange?.collected == nil ? nil : exchange
        var failure: ContentFailure?
        let step = content?.skip(bytes, from: position) { piece in
            if failure == nil { failure = collector?.collect(piece) }
        }
        if let collector, let failure { return failContent(collector, failure) }
        switch step {
        case .needsInput: position = bytes.count
        case .end(let end):
            position = end
            content = nil
            contentStartedMilliseconds = nil
            if let collector { completeContent(collector) }
        case .refused, .malformed, nil:
            collector?.collected = nil
            connection.server.counters.contentsRefused.add()
            return failContent(collector, step == .malformed ? .malformed : .tooLarge)
        }
        return true
    }

    private func completeContent(_ exchange: Exchange) {
        guard let content = exchange.collected else { return }
        exchange.collected = nil
        // The handler may have answered without waiting for it.
        guard exchange.phase == .waiting else { return }
        connection.server.handler.contentComplete(exchange, content)
    }

    /// Gives the content up, and tells the handler of an exchange that waits for it. Always false: what follows can not be
    /// read.
    private func failContent(_ exchange: Exchange?, _ failure: ContentFailure) -> Bool {
        dropContent()
        if let exchange, exchange.phase == .waiting { connection.server.handler.contentFailed(exchange, failure) }
        return false
    }

    /// Keeps the content of the request that is being handled.
    func collectContent(_ exchange: Exchange) -> ContentCollection {
        let limitBytes = exchange.collectedBytesMax
        if case .length(let length) = arriving.content, length > limitBytes {
            if content != nil { connection.server.counters.contentsRefused.add() }
            dropContent()
            return .refused(.tooLarge)
        }
        content = ContentSkipper(arriving.content, bytesMax: limitBytes)
        contentStartedMilliseconds = connection.server.loop.now
        keepsAlive = arriving.keepsAliveOnceRead
        leavesInput = false
        exchange.collected = []
        if arriving.expectsContinue { sendContinue() }
        return .collecting
    }

    /// The content will not be read to its end: the present response is the last.
    func dropContent() {
        content = nil
        contentStartedMilliseconds = nil
        keepsAlive = false
        leavesInput = true
    }

    /// Starts the request at `position` when its head is complete, and moves on behind the head. False when there is
    /// none and the connection is to be closed.
    private func startRequest(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        let server = connection.server
        let rest = bytes.slice(position..<bytes.count)
        if !hasSkippedLine, rest.hasPrefix("\r\n") {
            hasSkippedLine = true
            position += 2
            return true
        }
        let headerBytesMax = server.limits.headerBytesMax
        switch HeadLines.extent(in: rest.slice(0..<min(rest.count, headerBytesMax))) {
        case .malformed: return refused(400)
        case .unfinished:
            guard rest.count < headerBytesMax else { return refused(rest.position(of: 0x0D) == nil ? 414 : 431) }
            headStartedMilliseconds = headStartedMilliseconds ?? server.loop.now
            return true
        case .whole(let length):
            headStartedMilliseconds = nil
            connection.writer.pointee.output.hold(from: server.outputPool)
            // An earlier response still fills the output: this request waits for room.
            guard connection.writer.canEmit else { return true }
            hasSkippedLine = false
            var memory = HeadMemory(server.headScratch, capacity: headerBytesMax)
            switch RequestParser.parse(rest.slice(0..<length), memory: &memory, limits: server.limits) {
            case .refused(let status): return refused(status)
            case .request(let head, let framing):
                position += length
                begin(head, framing)
                return true
            }
        }
    }

    private func refused(_ status: Int) -> Bool {
        leavesInput = true
        refuse(status: status)
        return false
    }

    private func begin(_ head: RequestHead, _ framing: RequestParser.Framing) {
        let server = connection.server
        server.counters.requests.add()
        requestsTaken += 1
        let isLast = requestsTaken >= server.limits.requestsPerConnectionMax
        if isLast { server.counters.connectionsRetired.add() }
        arriving = framing
        arriving.keepsAliveOnceRead = framing.keepsAliveOnceRead && !isLast && !server.isDraining
        keepsAlive = framing.keepsAlive && arriving.keepsAliveOnceRead
        isHTTP10 = head.isHTTP10
        content = ContentSkipper(framing.content, bytesMax: server.limits.contentBytesMax)
        var isTooLong = false
        if case .length(let length) = framing.content { isTooLong = length > server.limits.contentBytesMax }
        if isTooLong {
            dropContent()
        } else if content != nil, !keepsAlive {
            // It may come or not: after a final answer in place of 100 (Continue) the client decides.
            dropContent()
        }
        if content != nil { contentStartedMilliseconds = server.loop.now }
        let exchange = server.takeExchange(for: connection)
        exchange.method = head.method
        exchange.hasContent = head.hasContent
        self.exchange = exchange
        server.handler.handle(exchange, head)
        // Unless the handler takes more than is read for nothing.
        if isTooLong, content == nil { server.counters.contentsRefused.add() }
    }
}
