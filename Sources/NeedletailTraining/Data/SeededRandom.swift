import TensorRuntime

/// Random numbers on the host that are a function of seeds: the same on every machine, for `random(in:using:)`,
/// `shuffled(using:)` and what else takes a generator.
///
/// They are the words of `Philox` under a key made of the seeds.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private let key: UInt64
    private var counter: UInt64 = 0
    private var words = SIMD4<UInt32>()
    private var used = 4

    /// - Parameter seeds: as a run's seed, an epoch and an example: any of them changes all numbers.
    public init(_ seeds: UInt64...) { key = SeededRandom.mixed(seeds) }

    /// As above, of an array.
    public init(_ seeds: [UInt64]) { key = SeededRandom.mixed(seeds) }

    /// 64 bits, each as likely 0 as 1.
    public mutating func next() -> UInt64 {
        if used == 4 {
            words = Philox.block(counter: counter, key: key)
            counter &+= 1
            used = 0
        }
        defer { used += 2 }
        return UInt64(words[used]) << 32 | UInt64(words[used + 1])
    }

    /// A number of 53 bits in 0..<1.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number in `0..<bound`, for a bound of at least 1.
    mutating func index(below bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// One number of several, by the finaliser of
    /// [SplitMix64](https://doi.org/10.1145/2714064.2660195) after each.
    static func mixed(_ seeds: [UInt64]) -> UInt64 {
        seeds.reduce(0) { state, seed in
            var z = (state ^ seed) &+ 0x9E37_79B9_7F4A_7C15
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
