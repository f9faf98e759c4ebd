import Foundation
import TensorRuntime

/// One measurement of several: how its row is called, and what makes it.
package struct SuiteStep {
    /// Of its row, and of the row that says that it broke.
    package let suite, name: String
    package var dtype: DType
    package var family: String?
    /// Those that the device is given for it, where they are not the process's.
    package var threads: Int?
    /// About how many seconds it takes, beside the others.
    package var weight: Double
    /// Makes its rows; none where the device has no such operation.
    package let run: () throws -> [BenchmarkRow]

    package init(
        suite: String, name: String, dtype: DType = .float32, family: String? = nil, threads: Int? = nil,
        weight: Double = 1, run: @escaping () throws -> [BenchmarkRow]
    ) {
        (self.suite, self.name, self.dtype, self.family) = (suite, name, dtype, family)
        (self.threads, self.weight, self.run) = (threads, weight, run)
    }

    /// The row of a step that threw.
    package func failed(_ error: any Error, on device: DeviceDescription, round: Int) -> BenchmarkRow {
        var row = BenchmarkRow(suite: suite, name: name, dtype: dtype, on: device, threads: threads, round: round)
        row.family = family
        row.failure = (error as? TensorError)?.message ?? "\(error)"
        return row
    }
}

/// Takes steps one after the other, hands each row on as soon as it is made, and goes on after what fails.
package struct SuiteRun {
    let device: DeviceDescription
    let round: Int
    /// After so many minutes nothing is begun.
    let minutes: Double
    /// Whether it says how far it is.
    let tellsProgress: Bool
    private let write: (BenchmarkRow) throws -> Void
    package private(set) var rows: [BenchmarkRow] = []
    /// Steps that were not begun for want of time.
    package private(set) var leftOut: [String] = []
    private let begin = ContinuousClock.now

    /// - Parameter write: what becomes of each row. What it throws ends the run: there is no use in rows that nobody keeps.
    package init(
        device: DeviceDescription, round: Int, minutes: Double = .infinity, tellsProgress: Bool = false,
        write: @escaping (BenchmarkRow) throws -> Void
    ) {
        (self.device, self.round, self.minutes) = (device, round, minutes)
        (self.tellsProgress, self.write) = (tellsProgress, write)
    }

    /// Rows that threw, or that a guard failed.
    package var failures: [BenchmarkRow] { rows.filter { $0.failure != nil } }

    package mutating func run(_ steps: [SuiteStep]) throws {
        var done = 0.0
        let all = steps.reduce(0) { $0 + $1.weight }
        let start = ContinuousClock.now
        for (index, step) in steps.enumerated() {
            let elapsed = (ContinuousClock.now - begin) / .seconds(1)
            if elapsed > minutes * 60 {
                leftOut.append("\(step.name) \(step.dtype)")
                continue
            }
            if tellsProgress {
                // By what the steps before took of their weights; before the first, the weights themselves are seconds.
                let pace = done > 0 ? (ContinuousClock.now - start) / .seconds(1) / done : 1
                let left = Int(min((all - done) * pace, minutes * 60 - elapsed))
                NeedletailBench.tell(
                    String(
                        format: "%d:%02d gone, about %d:%02d left of this part, %d of %d: ", Int(elapsed) / 60,
                        Int(elapsed) % 60, left / 60, left % 60, index + 1, steps.count) + "\(step.name) \(step.dtype)")
            }
            let made: [BenchmarkRow]
            do { made = try step.run() } catch { made = [step.failed(error, on: device, round: round)] }
            for row in made {
                rows.append(row)
                try write(row)
                if tellsProgress, let failure = row.failure {
                    NeedletailBench.tell("FAILED: \(row.name) \(row.dtype): \(failure)")
                }
            }
            done += step.weight
        }
    }

    /// Says how many rows failed.
    ///
    /// - Throws: exit code 1 where some did; ``BenchmarkFailure`` where there is no row at all.
    package func end(_ command: String) throws {
        if rows.isEmpty && leftOut.isEmpty { throw OperationSelection.nothing(command) }
        if failures.isEmpty { return }
        NeedletailBench.tell("\(failures.count) of \(rows.count) rows failed")
        throw BenchmarkExit.failed
    }
}
