// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct CacheDateTests {
    private func parse(_ text: String) -> Int64? { CacheDate.parse(bytes(text), presentSeconds: 1_800_000_000) }

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "SUN, 06 NOV 1994 08:49:37 gMT", "sun, 06 nov 1994 08:49:37 gmt", "Mon, 06 Nov 1994 08:49:37 GMT",
    ])
    func theThreeFormsAreReadInAnyCase(text: String) {
        #expect(parse(text) == 784_111_777)
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Thursday, 18-Aug-50 02:01:18 GMT", 2_544_400_878), ("Sunday, 06-Nov-99 08:49:37 GMT", 941_878_177),
        ] as [(String, Int64)])
    func daysAreCounted(text: String, expected: Int64) {
        #expect(parse(text) == expected)
    }

    @Test(arguments: [
        "", "0", "-1", "now", "Thu, 18 Aug 50 02:01:18 GMT", "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT", "Thu, 18-Aug-2050 02:01:18 GMT", "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 EST", "Thu, 18 Aug 2050 02:01:18",
        "Thu, 18 Aug 2050 02:01:18 +0000", "Thu, 18 Aug 2050 24:01:18 GMT", "Thu, 00 Aug 2050 02:01:18 GMT",
        "Thu, 18 Abc 2050 02:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 Aug 20500 02:01:18 GMT", "Thurs, 18 Aug 2050 02:01:18 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
    ])
    func anythingElseIsNoDate(text: String) {
        #expect(parse(text) == nil)
    }
}
