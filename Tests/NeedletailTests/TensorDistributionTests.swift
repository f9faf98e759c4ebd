import Needletail
import TensorRuntime
import Testing

/// Random numbers of distributions: their moments, their bounds, and that devices agree.
@Suite struct TensorDistributionTests {
    /// Numbers that a seed gives, on each device.
    private func drawn(_ device: GraphDevice, _ draw: () -> Tensor) throws -> [Double] {
        try device.run { (_) throws(any Error) in
            try withGenerator(Generator(seed: 7)) { () throws(any Error) in
                let tensor = draw()
                return GoldenFile.numbers(try tensor.bytes(), tensor.dtype)
            }
        }
    }

    /// Mean and variance are within five standard errors of what they should be, by the fourth moment.
    private func expectMoments(_ numbers: [Double], mean: Double, variance: Double, kurtosis: Double) {
        let count = Double(numbers.count)
        let found = numbers.reduce(0, +) / count
        let spread = numbers.reduce(0) { $0 + ($1 - found) * ($1 - found) } / count
        #expect(abs(found - mean) < 5 * (variance / count).squareRoot(), "\(found), not \(mean)")
        #expect(
            abs(spread - variance) < 5 * variance * ((kurtosis - 1) / count).squareRoot(), "\(spread), not \(variance)")
    }

    @Test(arguments: GraphDevice.wanted) func integersAreTheSameOnEveryDevice(_ device: GraphDevice) throws {
        let draws: [() -> Tensor] = [
            { Tensor.randint([1000], low: -3, high: 4) }, { Tensor.randint([40], low: .min / 2, high: .max / 2) },
            { Tensor.randint([100], high: 256, dtype: .uint8) }, { Tensor.randperm(500) },
            { Tensor.randperm(20, dtype: .int32) },
        ]
        for draw in draws { #expect(try drawn(device, draw) == drawn(.cpu, draw)) }
    }

    @Test func integersAreEven() throws {
        let numbers = try drawn(.cpu) { Tensor.randint([20_000], low: -3, high: 4) }
        #expect(Set(numbers) == Set([-3, -2, -1, 0, 1, 2, 3]))
        expectMoments(numbers, mean: 0, variance: 4, kurtosis: 1.75)
        // Of a range of 63 bits, the high bits count.
        let wide = try drawn(.cpu) { Tensor.randint([20_000], low: 0, high: .max) }.map { $0 * 0x1p-63 }
        expectMoments(wide, mean: 0.5, variance: 1 / 12.0, kurtosis: 1.8)
        #expect(try Set(drawn(.cpu) { Tensor.randint([50], low: 5, high: 6) }) == [5])
    }

    @Test func permutationsHoldEachNumberOnce() throws {
        let order = try drawn(.cpu) { Tensor.randperm(1000) }
        #expect(order.sorted() == (0..<1000).map(Double.init) && order != order.sorted())
        #expect(try drawn(.cpu) { Tensor.randperm(0) } == [] && drawn(.cpu) { Tensor.randperm(1) } == [0])
        // Where the first one goes is even.
        let firsts = try withGenerator(Generator(seed: 3)) { () throws(any Error) in
            try withDevice(.cpu) { () throws(any Error) in
                try (0..<2000).map { _ in try Double(Tensor.randperm(4).scalars(as: Int.self)[0]) }
            }
        }
        expectMoments(firsts, mean: 1.5, variance: 1.25, kurtosis: 1.64)
    }

    @Test(arguments: GraphDevice.wanted) func exponentialNumbersHaveTheirRate(_ device: GraphDevice) throws {
        let numbers = try drawn(device) { Tensor.exponential([20_000], rate: 4) }
        #expect(numbers.allSatisfy { $0 > 0 && $0.isFinite })
        expectMoments(numbers, mean: 0.25, variance: 1 / 16.0, kurtosis: 9)
    }

    @Test(arguments: GraphDevice.wanted) func placesAreDrawnByTheirWeights(_ device: GraphDevice) throws {
        let count = 20_000
        let places = try drawn(device) {
            Tensor([1, 0, 3, 4] as [Float]).multinomial(count, replacement: true)
        }
        for (place, probability) in [0.125, 0, 0.375, 0.5].enumerated() {
            let found = Double(places.count { $0 == Double(place) }) / Double(count)
            let error = (probability * (1 - probability) / Double(count)).squareRoot()
            #expect(abs(found - probability) <= 5 * error, "place \(place)")
        }
        let rows = try drawn(device) { Tensor([[1, 0, 3, 4], [0, 0, 2, 1]] as [[Float]]).multinomial(2) }
        #expect(rows.count == 4 && Set(rows[..<2]).count == 2 && !rows[..<2].contains(1) && Set(rows[2...]) == [2, 3])
    }

    @Test func drawsOfTheHostHaveTheirMoments() throws {
        for rate in [0.5, 3, 40.0] {
            let numbers = try drawn(.cpu) { Tensor.poisson(Tensor.full([20_000], rate)) }
            #expect(numbers.allSatisfy { $0 >= 0 && $0 == $0.rounded() })
            expectMoments(numbers, mean: rate, variance: rate, kurtosis: 3 + 1 / rate)
        }
        for concentration in [0.5, 4.0] {
            let numbers = try drawn(.cpu) { Tensor.gamma(Tensor.full([20_000], concentration)) }
            expectMoments(numbers, mean: concentration, variance: concentration, kurtosis: 3 + 6 / concentration)
        }
        let chances = try drawn(.cpu) { Tensor.bernoulli(Tensor.full([20_000], 0.3)) }
        expectMoments(chances, mean: 0.3, variance: 0.21, kurtosis: 1 / 0.21 - 3)
        #expect(try drawn(.cpu) { Tensor.poisson(Tensor.zeros([3])) } == [0, 0, 0])
    }

    @Test func numbersAreDrawnLikeATensor() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let x = Tensor.zeros([2, 3], dtype: .float64)
            #expect(Tensor.uniformLike(x).shape == [2, 3] && Tensor.uniformLike(x).dtype == .float64)
            #expect(Tensor.normalLike(x, dtype: .float32).dtype == .float32 && Tensor.normalLike(x).shape == [2, 3])
            #expect(Tensor.randintLike(x, high: 3).dtype == .float64)
            #expect(
                try Tensor.randintLike(x, low: 2, high: 3, dtype: .int64).scalars(as: Int.self) == [2, 2, 2, 2, 2, 2])
            #expect(try Tensor.uniformLike(x, low: 3, high: 3).scalars(as: Double.self) == [3, 3, 3, 3, 3, 3])
        }
    }

    @Test(arguments: GraphDevice.wanted) func wrongWeightsThrowWhenTheDrawIsRead(_ device: GraphDevice) throws {
        try device.run { _ in
            let wrong = [
                Tensor([1, -1] as [Float]).multinomial(1), Tensor([0, 0] as [Float]).multinomial(1, replacement: true),
                Tensor([0, 1] as [Float]).multinomial(2), Tensor([1, .nan] as [Float]).multinomial(1),
                Tensor.bernoulli(Tensor([0.5, 1.5] as [Float])),
            ]
            for draw in wrong { #expect(throws: TensorError.self) { _ = try draw.bytes() } }
        }
    }

    @Test func wrongArgumentsAreNamed() {
        let x = Tensor.ones([3])
        expectWrongCalls([
            ("randint: from 3 to before 3 as int64", { Tensor.randint([2], low: 3, high: 3) }),
            ("randint: from 0 to before 300 as uint8", { Tensor.randint([2], high: 300, dtype: .uint8) }),
            ("randperm: of -1 numbers", { Tensor.randperm(-1) }),
            ("exponential: a rate of 0.0", { Tensor.exponential([2], rate: 0) }),
            ("multinomial: 4 of float32[3], without replacement", { x.multinomial(4) }),
            ("multinomial: 1 of int64[3]", { x.to(.int64).multinomial(1) }),
            ("poisson: a rate of -1.0", { Tensor.poisson(-x) }),
            ("gamma: a concentration of 0.0", { Tensor.gamma(x * 0) }),
            ("uniformLike: from 1.0 to 0.0", { Tensor.uniformLike(x, low: 1, high: 0) }),
            ("normalLike: a standard deviation of -1.0", { Tensor.normalLike(x, std: -1) }),
        ])
    }
}
