import NeedletailTraining
import Testing

@Suite struct TickTests {
    @Test func marksAreOneTwoOrFiveTimesAPowerOfTenApart() {
        for (low, high) in [(0.0, 1.0), (-3.7, 12.9), (0.00012, 0.00095), (1e5, 9e6), (-2.0, -1.0), (99.99, 100.01)] {
            let ticks = TickMarks.linear(low, high)
            #expect(ticks.values.count >= 3 && ticks.values.count <= 11, "\(low)...\(high): \(ticks.values)")
            for (a, b) in zip(ticks.values, ticks.values.dropFirst()) {
                var apart = b - a
                while apart < 1 - 1e-6 { apart *= 10 }
                while apart >= 10 - 1e-6 { apart /= 10 }
                #expect([1, 2, 5].contains { abs($0 - apart) < 1e-5 }, "\(low)...\(high): \(b - a)")
            }
            #expect(ticks.values.allSatisfy { $0 >= low - 1e-9 * abs(low) && $0 <= high + 1e-9 * abs(high) })
            #expect(Set(ticks.labels).count == ticks.labels.count, "\(ticks.labels)")
        }
    }

    @Test func labelsAreShort() {
        #expect(TickMarks.linear(0, 1, count: 5).labels == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
        #expect(TickMarks.linear(-2, 2, count: 4).labels == ["−2", "−1", "0", "1", "2"])
        #expect(TickMarks.linear(0, 20000, count: 4).labels == ["0", "5k", "10k", "15k", "20k"])
        #expect(TickMarks.linear(0, 4e-5, count: 4).labels == ["0", "10⁻⁵", "2·10⁻⁵", "3·10⁻⁵", "4·10⁻⁵"])
        #expect(TickMarks.logarithmic(0.01, 100).labels == ["0.01", "0.1", "1", "10", "100"])
        #expect(TickMarks.logarithmic(1e-8, 1, count: 4).labels == ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"])
        #expect(TickMarks.logarithmic(1, 5).labels == ["1", "2", "5"])
    }

    @Test func numbersAreWrittenTheSameEverywhere() {
        #expect(NumberText.fixed(-0.001, 2) == "0.00")
        #expect(NumberText.fixed(1234.5, 1) == "1234.5")
        #expect(NumberText.fixed(0.5, 0) == "1" && NumberText.fixed(-12.345, 2) == "-12.35")
        #expect(NumberText.coordinate(1.5) == "1.5" && NumberText.coordinate(-0.004) == "0")
        #expect(NumberText.coordinate(2.05) == "2.05" && NumberText.coordinate(.nan) == "0")
        #expect(NumberText.short(0.873) == "0.873" && NumberText.short(1234.5) == "1235")
        #expect(NumberText.short(-1.5e-7) == "−1.5·10⁻⁷" && NumberText.short(9.9996e8) == "10⁹")
    }
}
