import Foundation
import Needletail
import TensorRuntime

/// Notes after each epoch how large each parameter and its last gradient are: what vanishes, explodes or does not move is
/// seen there.
///
///     let statistics = ParameterStatistics(path: "runs/a/parameters.csv")
///     try Trainer(..., callbacks: [statistics]).fit(training)
///     statistics.rows.filter { $0.name == "1.weight" }.map(\.gradientNorm)
public final class ParameterStatistics: TrainingCallback {
    /// A parameter after an epoch. A parameter without a gradient has NaN for what is of it.
    public struct Row: Hashable, Sendable {
        /// 1 for the first.
        public let epoch: Int
        /// Of the parameter.
        public let name: String
        /// Of its elements; the deviation divides by their number.
        public let mean: Double
        /// The standard deviation of its elements.
        public let deviation: Double
        /// Euclidean.
        public let norm: Double
        /// Of the last step's gradient, after clipping.
        public let gradientMean: Double
        /// Of the same gradient.
        public let gradientDeviation: Double
        /// Of the same gradient.
        public let gradientNorm: Double

        var values: [Double] { [mean, deviation, norm, gradientMean, gradientDeviation, gradientNorm] }

        init(epoch: Int, name: String, _ values: ArraySlice<Double>) {
            self.epoch = epoch
            self.name = name
            let values = Array(values)
            (mean, deviation, norm) = (values[0], values[1], values[2])
            (gradientMean, gradientDeviation, gradientNorm) = (values[3], values[4], values[5])
        }
    }

    /// All parameters in order, epoch by epoch.
    public private(set) var rows: [Row] = []
    private let path: String?

    /// - Parameter path: of a table of comma-separated values, written as ``CSVLog``'s is; nil is none.
    public init(path: String? = nil) { self.path = path }

    public func fitBegin(_ trainer: Trainer) throws {
        guard let path else { return }
        try HistoryFile.prepare(path)
        try write(to: path)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        var names: [String] = []
        var numbers: [Tensor] = []
        withNoGrad {
            for (prefix, module) in Checkpoint.prefixes(of: trainer) {
                for (name, parameter) in module.namedParameters {
                    names.append(prefix + name)
                    let value = parameter.value.detach()
                    numbers += ParameterStatistics.moments(of: value)
                    let gradient = parameter.grad?.detach()
                    numbers +=
                        gradient.map { ParameterStatistics.moments(of: $0) }
                        ?? (0..<3).map { _ in
                            withDeviceContext(value.context) {
                                Tensor.full([], Double.nan, dtype: value.dtype == .float64 ? .float64 : .float32)
                            }
                        }
                }
            }
        }
        let values = try ParameterStatistics.values(of: numbers)
        for (place, name) in names.enumerated() {
            rows.append(Row(epoch: epoch.number, name: name, values[(6 * place)..<(6 * place + 6)]))
        }
        if let path { try write(to: path) }
    }

    /// Numbers of rank 0, read with one wait for each device and dtype.
    private static func values(of numbers: [Tensor]) throws(TensorError) -> [Double] {
        var values = [Double](repeating: .nan, count: numbers.count)
        var left = Array(numbers.indices)
        while let first = left.first {
            let model = numbers[first]
            var (places, others): ([Int], [Int]) = ([], [])
            for place in left {
                let joins = numbers[place].shares(model) && numbers[place].dtype == model.dtype
                if joins { places.append(place) } else { others.append(place) }
            }
            let joined = withNoGrad { Tensor.stack(places.map { numbers[$0] }, axis: 0) }
            let read =
                joined.dtype == .float64
                ? try joined.scalars(as: Double.self) : try joined.scalars(as: Float.self).map(Double.init)
            for (place, value) in zip(places, read) { values[place] = value }
            left = others
        }
        return values
    }

    /// Mean, deviation and norm, in float32 or better; NaN of no elements.
    private static func moments(of tensor: Tensor) -> [Tensor] {
        let wide = tensor.dtype.isShortFloat ? tensor.cast(to: .float32) : tensor
        let mean = wide.mean()
        let deviation = (wide - mean).square().mean().sqrt()
        return [mean, deviation, wide.square().sum().sqrt()]
    }

    private func write(to path: String) throws(TensorError) {
        var text = "epoch,name,mean,deviation,norm,gradient_mean,gradient_deviation,gradient_norm\n"
        for row in rows {
            text +=
                "\(row.epoch),\(CSVLog.quoted(row.name))," + row.values.map { "\($0)" }.joined(separator: ",") + "\n"
        }
        try AtomicFile.write([Array(text.utf8)], to: path)
    }

    public func state() -> CallbackState {
        CallbackState(
            numbers: ["epochs": rows.map { Double($0.epoch) }, "values": rows.flatMap(\.values)],
            texts: ["names": rows.map(\.name)])
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        let (epochs, names) = (state.numbers["epochs"] ?? [], state.texts["names"] ?? [])
        let values = state.numbers["values"] ?? []
        guard epochs.count == names.count, values.count == 6 * names.count,
            epochs.allSatisfy({ Int(exactly: $0) != nil })
        else {
            throw TensorError(
                .data, "\(name): the saved state has \(names.count) names for \(values.count) numbers; restore another")
        }
        rows = names.indices.map { place in
            Row(epoch: Int(epochs[place]), name: names[place], values[(6 * place)..<(6 * place + 6)])
        }
    }
}
