// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct H2LoadTests {
    private let report = """
        starting benchmark...
        TLS Protocol: TLSv1.3
        Cipher: TLS_AES_128_GCM_SHA256
        Server Temp Key: X25519 253 bits
        Application protocol: h2
        progress: 100% done

        finished in 2.37s, 84.40 req/s, 20.14MB/s
        requests: 200 total, 200 started, 200 done, 199 succeeded, 1 failed, 0 errored, 0 timeout
        status codes: 199 2xx, 0 3xx, 1 4xx, 0 5xx
        traffic: 47.72MB (50033966) total, 3.26KB (3336) headers (space savings 91.40%), 47.68MB (50000000) data
        """

    @Test func whatMattersOfAReportIsRead() {
        let output = H2LoadOutput(report)
        #expect(output.succeeded == 199)
        #expect(output.bodyBytes == 50_000_000)
        #expect(output.cipher == "TLS_AES_128_GCM_SHA256")
        #expect(output.alpn == "h2")
    }

    @Test func anEmptyReportClaimsNothing() {
        let output = H2LoadOutput("")
        #expect(output.succeeded == 0)
        #expect(output.bodyBytes == 0)
        #expect(output.cipher.isEmpty)
    }

    @Test(arguments: [(1, 32), (32, 32), (33, 64), (1000, 1024)])
    func requestsAreSharedEvenly(wanted: Int, rounded: Int) {
        let load = H2Load(processes: 8, connectionsPerProcess: 4, placement: .init(cores: "0"), folder: "")
        #expect(load.round(wanted) == rounded)
    }

    @Test func bodiesAreTheSameInEachRunAndDifferFromEachOther() {
        let body = BenchObject.small.makeBody()
        #expect(body.count == 2048)
        #expect(body == BenchObject.small.makeBody())
        #expect(body != Array(BenchObject.segment.makeBody().prefix(2048)))
        // No run of bytes that a compressor would like.
        #expect(Set(body).count > 240)
    }
}
