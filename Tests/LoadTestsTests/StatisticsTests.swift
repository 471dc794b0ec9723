// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct StatisticsTests {
    @Test func theMedianOfAnEvenSeriesLiesBetweenTheMiddleTwo() {
        #expect(Spread([4, 1, 3, 2])?.median == 2.5)
        #expect(Spread([9, 1, 5])?.median == 5)
        #expect(Spread([9, 1, 5])?.least == 1)
        #expect(Spread([9, 1, 5])?.most == 9)
        #expect(Spread([]) == nil)
    }

    @Test func ratiosAreTakenRoundByRound() {
        // The second round was twice as slow for both: the ratio does not notice.
        let ratios = Spread.ratios([1, 2, 3], to: [2, 4, 4])
        #expect(ratios?.median == 0.5)
        #expect(ratios?.most == 0.75)
        #expect(ratios?.text == "0.50 (0.50-0.75)")
    }

    @Test(arguments: [
        (0.126, 2, "0.13"), (12.0, 0, "12"), (-0.5, 1, "-0.5"), (-0.01, 1, "0.0"), (1.999, 2, "2.00"), (3.05, 1, "3.1"),
    ])
    func decimals(value: Double, places: Int, text: String) {
        #expect(decimal(value, places) == text)
    }

    @Test(arguments: [(0.1234, "0.123"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1235")])
    func threeDigitsCount(value: Double, text: String) {
        #expect(threeDigits(value) == text)
    }
}
