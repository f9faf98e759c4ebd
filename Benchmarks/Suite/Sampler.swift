import Foundation
import Needletail
import TensorRuntime

/// Times work in samples of some milliseconds, each closed by a synchronisation.
struct Sampler {
    /// What all samples of a row may take together, in seconds.
    var seconds: Double
    static let sampleCounts = 11...101
    /// As many where these would take more than eight times the seconds.
    static let fewSamples = 3
    /// A sample of less is the clock's.
    static let sampleMilliseconds = 2.0

    /// What was measured.
    struct Result {
        var first: Double
        var samples: [Double]
        var host: Double
        var launches: Double
        var warnings: [String]
        /// What a guard found.
        var failure: String?
        /// What was counted while samples were taken, over so many iterations.
        var spent: ExecutionStatistics
        var iterations: Int

        /// The row of it.
        func row(
            suite: String, name: String, dtype: DType, on device: DeviceDescription, round: Int
        ) -> BenchmarkRow {
            var row = BenchmarkRow(suite: suite, name: name, dtype: dtype, on: device, round: round)
            (row.firstMicroseconds, row.samples, row.hostMicroseconds) = (first, samples, host)
            (row.launches, row.warnings, row.failure) = (launches, warnings, failure)
            return row
        }
    }

    /// Times an iteration, which must evaluate what it makes.
    ///
    /// What guards find wrong is in the result. Throws what the iteration throws.
    ///
    /// - Parameter reading: reads a number of the last result, which waits for the work even where a synchronisation does not.
    func measure(reading: (() throws -> Void)? = nil, _ iteration: () throws -> Void) throws -> Result {
        let first = try milliseconds(1) {
            try iteration()
            try synchronize()
        }
        // Twice more unmeasured: a plan that is found for the first time binds its memory then.
        let once = try (0..<2).map { _ in
            try milliseconds(1) {
                try iteration()
                try synchronize()
            }
        }.min()!
        // What reading has to plan is planned.
        try reading?()
        let count = max(1, Int((Sampler.sampleMilliseconds / max(once, 1e-4)).rounded(.up)))
        let isSlow = once / 1000 * Double(Sampler.sampleCounts.lowerBound) > 8 * seconds
        let least = isSlow ? Sampler.fewSamples : Sampler.sampleCounts.lowerBound
        let before = executionStatistics()
        let load = ProcessorLoad()
        let clock = Machine.clock()
        var stepping = Duration.zero
        var samples: [Double] = []
        let begin = ContinuousClock.now
        while samples.count < least
            || (samples.count < Sampler.sampleCounts.upperBound
                && (ContinuousClock.now - begin) / .seconds(1) < seconds)
        {
            samples.append(
                try milliseconds(count) {
                    stepping += try ContinuousClock().measure { for _ in 0..<count { try iteration() } }
                    try synchronize()
                } * 1000)
        }
        let spent = executionStatistics() - before
        let unsettled = try RowGuard.synchronisation { isAgain in
            let sample =
                try isAgain
                ? milliseconds(1) {
                    for _ in 0..<count { try iteration() }
                    try synchronize()
                } * 1000 : samples.last! * Double(count)
            return (try Sampler.settling(reading ?? { try synchronize() }), sample)
        }
        let iterations = samples.count * count
        let failure = RowGuard.launches(spent.launches, iterations: iterations) ?? unsettled
        var warnings = load.warnings()
        Machine.warning(clockBefore: clock, after: Machine.clock()).map { warnings.append($0) }
        if spent.plansBuilt > 0 { warnings.append("\(spent.plansBuilt) plans were built while it was timed") }
        return Result(
            first: first * 1000, samples: samples,
            host: Double(spent.hostNanoseconds(ofSteps: stepping)) / Double(iterations) / 1000,
            launches: Double(spent.launches) / Double(iterations), warnings: warnings, failure: failure, spent: spent,
            iterations: iterations)
    }
}

extension Sampler {
    /// Takes samples of work that is done anew each time, such as a start: each is what `body` says that it took, in microseconds.
    static func once(_ count: Int, _ body: (Int) throws -> Double) rethrows -> Result {
        let before = executionStatistics()
        let load = ProcessorLoad()
        let clock = Machine.clock()
        let samples = try (0..<count).map(body)
        let spent = executionStatistics() - before
        let warning = Machine.warning(clockBefore: clock, after: Machine.clock())
        return Result(
            first: samples[0], samples: samples, host: 0, launches: Double(spent.launches) / Double(count),
            warnings: load.warnings() + [warning].compactMap { $0 }, failure: nil, spent: spent, iterations: count)
    }

    /// Microseconds that a reading takes longer than the same again: work that went on when the clock had stopped.
    static func settling(_ reading: () throws -> Void) rethrows -> Double {
        let first = try milliseconds(1, reading)
        return try max(0, first - milliseconds(1, reading)) * 1000
    }
}

/// What other processes take of the processors while something is measured, by `/proc/stat`.
struct ProcessorLoad {
    private let before: (all: Double, own: Double)?
    private let begin = ContinuousClock.now
    /// Of the processors together, what may be taken without a warning.
    static let tolerated = 0.1

    init() { before = ProcessorLoad.now() }

    /// Seconds of all processors' work and of this process's, since the machine's start and its own.
    private static func now() -> (all: Double, own: Double)? {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu ") })
        else { return nil }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard ticks.count >= 8 else { return nil }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        // Of children too, once they were waited for: starts are measured by them.
        let own = [RUSAGE_SELF.rawValue, RUSAGE_CHILDREN.rawValue].reduce(0.0) { sum, who in
            var usage = rusage()
            getrusage(__rusage_who_t(who), &usage)
            return sum + seconds(usage.ru_utime) + seconds(usage.ru_stime)
        }
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        // User, nice, system, interrupts, stolen; not idle and waiting.
        let busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]
        return (busy / perSecond, own)
    }

    /// Names what took more than a tenth of the processors.
    func warnings() -> [String] {
        guard let before, let after = ProcessorLoad.now() else {
            return ["/proc/stat cannot be read: what other processes took is not known"]
        }
        let elapsed = (ContinuousClock.now - begin) / .seconds(1)
        // A tick is 10 ms: shorter measurements tell nothing.
        guard elapsed > 0.2 else { return [] }
        let others = (after.all - before.all) - (after.own - before.own)
        let share = others / elapsed / Double(ProcessInfo.processInfo.processorCount)
        guard share > ProcessorLoad.tolerated else { return [] }
        return [String(format: "other processes took %.0f %% of the processors", 100 * share)]
    }
}
