import Foundation

/// A number of the suite with all that it needs to be believed: how it came about, how far it scatters, and how wrong the very run was.
package struct BenchmarkRow: Codable, Equatable {
    package var framework = "needletail"
    /// The command that made it: `probe`, `op`.
    package var suite: String
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
    /// The largest difference to the Double reference, relative where that is above 1; nil where there is nothing to compare.
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

    enum CodingKeys: String, CodingKey {
        case framework, suite
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
    package var key: Key { Key(suite: suite, name: name, dtype: dtype, device: device) }

    package struct Key: Hashable, Comparable {
        package let suite, name, dtype, device: String

        package static func < (a: Key, b: Key) -> Bool {
            (a.suite, a.device, a.name, a.dtype) < (b.suite, b.device, b.name, b.dtype)
        }
    }

    /// One line of JSON; the fastest and the median stand there for readers that want one number.
    package func json() throws -> String {
        struct Line: Encodable {
            let row: BenchmarkRow

            enum Keys: String, CodingKey {
                case fastest = "min_us"
                case median = "median_us"
            }

            func encode(to encoder: any Encoder) throws {
                try row.encode(to: encoder)
                var container = encoder.container(keyedBy: Keys.self)
                try container.encode(row.fastest, forKey: .fastest)
                try container.encode(row.median, forKey: .median)
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
