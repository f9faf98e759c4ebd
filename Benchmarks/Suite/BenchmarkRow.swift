import Foundation

/// A number of the suite with all that it needs to be believed: how it came about, how far it scatters, and how wrong the very run was.
package struct BenchmarkRow: Codable, Equatable {
    package var framework = "needletail"
    /// The command that made it: `probe`, `op`, `train`.
    package var suite: String
    /// What kind of work it is: `matmul`, `reduction`; of a training step, its model's name.
    package var family: String?
    /// What was done: `matmul 512x512x512`.
    package var name: String
    package var dtype: String
    /// As the command line names it: `vulkan:0`.
    package var device: String
    /// The device's own name and its driver.
    package var driver: String
    package var threads: Int
    /// Which of several runs that are to be compared.
    package var round: Int
    /// The largest difference to the Double reference, relative to the number itself or the root of the mean square of all, whichever is
    /// larger; nil where there is nothing to compare, or where it is not finite.
    package var error: Double?
    /// Of the first iteration: planning and compiling included.
    package var firstMicroseconds: Double
    /// Of an iteration, a number for each sample, in the order taken.
    package var samples: [Double]
    /// Of an iteration, on the host: tracing, planning, binding; waiting too, where the iteration itself waits (the probe's).
    package var hostMicroseconds: Double
    /// Kernels of an iteration.
    package var launches: Double
    /// What an iteration has to read and write at least.
    package var bytes: Double?
    /// Floating-point operations of an iteration.
    package var operations: Double?
    /// Of the device's measured peak, by what bounds it more: arithmetic or memory; nil without a probe.
    package var peakShare: Double?
    /// What may have disturbed the measurement.
    package var warnings: [String] = []
    /// Why the row counts for nothing: a guard that fired, or the error that ended it. Its samples are not to be compared.
    package var failure: String?
    /// The hardware and the system that it was measured on.
    package var machine: String?
    /// What the program was built of, as far as git says it: `0dee5f8c0ffe`, `0dee5f8c0ffe-dirty`.
    package var commit: String?
    /// What kind of device it is: `cpu`, `discreteGPU`, `software`.
    package var kind: String?
    /// What a curve of cost goes along, and where on it the row stands: `batch`, 64.
    package var axis: String?
    package var place: Double?
    /// Of a training step: its model, its batch, whether it was captured, its nodes; and what was done while it was timed.
    package var training: Training?

    /// What a row of a training step has besides.
    package struct Training: Codable, Equatable, Sendable {
        package var model: String
        package var batch: Int
        package var graph: Bool
        package var nodes: Double
        package var plansBuilt: Int
        package var driverAllocations: Int

        package init(
            model: String, batch: Int, graph: Bool, nodes: Double, plansBuilt: Int, driverAllocations: Int
        ) {
            self.model = model
            self.batch = batch
            self.graph = graph
            self.nodes = nodes
            self.plansBuilt = plansBuilt
            self.driverAllocations = driverAllocations
        }

        enum CodingKeys: String, CodingKey {
            case model, batch, graph
            case nodes = "nodes_per_step"
            case plansBuilt = "plans_built"
            case driverAllocations = "driver_allocations"
        }
    }

    enum CodingKeys: String, CodingKey {
        case framework, suite, family, failure, machine, commit, kind, axis, place, training
        // As the peers' benchmark calls it.
        case name = "op"
        case dtype, device, driver, threads, round, error, launches, bytes, operations, warnings
        case firstMicroseconds = "first_us"
        case samples = "samples_us"
        case hostMicroseconds = "host_us"
        case peakShare = "peak_share"
    }

    /// A row without error, share and warnings.
    package init(
        suite: String, name: String, dtype: String, device: String, driver: String, threads: Int, round: Int,
        firstMicroseconds: Double, samples: [Double], hostMicroseconds: Double, launches: Double
    ) {
        self.suite = suite
        self.name = name
        self.dtype = dtype
        self.device = device
        self.driver = driver
        self.threads = threads
        self.round = round
        self.firstMicroseconds = firstMicroseconds
        self.samples = samples
        self.hostMicroseconds = hostMicroseconds
        self.launches = launches
    }

    /// Microseconds of an iteration: the median of the samples.
    package var median: Double { Quantiles(samples).median }
    package var fastest: Double { samples.min() ?? .nan }
    /// The distance of the quartiles by the median.
    package var spread: Double {
        let quantiles = Quantiles(samples)
        return (quantiles.upper - quantiles.lower) / quantiles.median
    }

    /// What a row is compared with in another file.
    package var key: Key {
        Key(framework: framework, suite: suite, name: name, dtype: dtype, device: device, threads: threads)
    }

    package struct Key: Hashable, Comparable {
        package let framework, suite, name, dtype, device: String
        package let threads: Int

        /// `cpu`, `torch, cpu`.
        package var place: String { framework == "needletail" ? device : "\(framework), \(device)" }

        package static func < (a: Key, b: Key) -> Bool {
            if a.framework != b.framework { return a.framework < b.framework }
            return (a.suite, a.device, a.name, a.dtype, a.threads) < (b.suite, b.device, b.name, b.dtype, b.threads)
        }
    }

    /// One line of JSON; the fastest and the median stand there for readers that want one number, of training steps in milliseconds
    /// beside the model and the batch, as the peers print them.
    package func json() throws -> String {
        struct Line: Encodable {
            let row: BenchmarkRow

            enum Keys: String, CodingKey {
                case fastest = "min_us"
                case median = "median_us"
                case fastestMilliseconds = "min_ms"
                case medianMilliseconds = "median_ms"
                case launches = "launches_per_step"
            }

            func encode(to encoder: any Encoder) throws {
                // JSON has no word for what is not finite; a failure says what was found.
                var row = row
                row.error = row.error.flatMap { $0.isFinite ? $0 : nil }
                row.peakShare = row.peakShare.flatMap { $0.isFinite ? $0 : nil }
                try row.encode(to: encoder)
                if row.samples.isEmpty { return }
                var container = encoder.container(keyedBy: Keys.self)
                try container.encode(row.fastest, forKey: .fastest)
                try container.encode(row.median, forKey: .median)
                guard let training = row.training else { return }
                try training.encode(to: encoder)
                try container.encode(row.fastest / 1000, forKey: .fastestMilliseconds)
                try container.encode(row.median / 1000, forKey: .medianMilliseconds)
                try container.encode(row.launches, forKey: .launches)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Line(row: self)), as: UTF8.self)
    }
}

/// Median and quartiles of numbers, interpolated between neighbours.
package struct Quantiles {
    package let lower, median, upper: Double

    package init(_ values: [Double]) {
        let sorted = values.sorted()
        func at(_ share: Double) -> Double {
            guard let last = sorted.indices.last else { return .nan }
            let place = share * Double(last)
            let below = Int(place)
            let above = min(below + 1, last)
            return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
        }
        lower = at(0.25)
        median = at(0.5)
        upper = at(0.75)
    }
}
