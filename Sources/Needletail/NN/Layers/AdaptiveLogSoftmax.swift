import Foundation
import TensorRuntime

/// A softmax over many classes in clusters by how frequent they are, with its loss, as
/// [torch.nn.AdaptiveLogSoftmaxWithLoss](https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html)
/// ([Grave et al.](https://arxiv.org/abs/1609.04309)). Classes are numbered from the most frequent on.
///
/// Input `[N, inputs]` and classes `[N]`, or `[inputs]` and one class. Nothing is read: each cluster is computed for the whole batch,
/// with fewer features the rarer its classes are.
public final class AdaptiveLogSoftmaxWithLoss: Module {
    /// The frequent classes and one for each cluster.
    public let head: Linear
    /// For each cluster a projection to fewer features, and its classes.
    public let tail: ModuleList<Sequential>

    private let inputs: Int
    private let classes: Int
    private let cutoffs: [Int]
    private let name: String

    /// - Parameters:
    ///   - cutoffs: the first class of each cluster, ascending, between 1 and `classes - 1`.
    ///   - divisor: by how much each cluster has fewer features than the one before.
    ///   - headBias: whether the head has a bias.
    public init(
        _ inputs: Int, classes: Int, cutoffs: [Int], divisor: Double = 4, headBias: Bool = false,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let name = "AdaptiveLogSoftmaxWithLoss(\(inputs), classes: \(classes))"
        let isAscending = zip(cutoffs, cutoffs.dropFirst()).allSatisfy { $0 < $1 }
        let isPossible =
            !cutoffs.isEmpty && isAscending && cutoffs[0] > 0 && cutoffs[cutoffs.count - 1] < classes && divisor > 0
            && divisor.isFinite && inputs > 0
        if !isPossible {
            WrongCall.report(
                name, "cutoffs \(cutoffs) and a divisor of \(divisor)",
                remedy: "use ascending cutoffs from 1 to \(classes - 1), one at least, and a finite divisor above 0",
                at: CallSite(file, line))
        }
        let cutoffs = isPossible ? cutoffs : []
        self.inputs = inputs
        self.classes = classes
        self.cutoffs = cutoffs + [classes]
        self.name = name
        func linear(_ inputs: Int, _ outputs: Int, bias: Bool) -> Linear {
            Linear(
                inputs, outputs, bias: bias, generator: generator, device: device, dtype: dtype, file: file, line: line)
        }
        head = linear(inputs, self.cutoffs[0] + cutoffs.count, bias: headBias)
        let clusters = cutoffs.indices.map { [ends = self.cutoffs] place in
            let features = Int((Double(inputs) / Foundation.pow(divisor, Double(place + 1))).rounded(.down))
            return Sequential([
                linear(inputs, features, bias: false), linear(features, ends[place + 1] - ends[place], bias: false),
            ])
        }
        tail = ModuleList(clusters)
    }

    /// The logarithm of the probability of each input's class, and the mean of their negatives. A class out of range is an error
    /// where the host can see it, and else when what it chose is read.
    public func callAsFunction(_ input: Tensor, classes targets: Tensor) -> (output: Tensor, loss: Tensor) {
        let isSingle = targets.rank == 0
        guard input.rank == (isSingle ? 1 : 2), targets.rank <= 1, input.shape[input.rank - 1] == inputs,
            isSingle || input.shape[0] == targets.shape[0], targets.dtype.kind == .integer, input.shares(targets)
        else {
            let failed = input.invalid(
                name, "input \(input.dtype)\(input.shape) and classes \(targets.dtype)\(targets.shape)",
                remedy: "use [N, \(inputs)] with integers [N], or [\(inputs)] with one class, on one device",
                [input, targets], at: nil)
            return (failed, failed)
        }
        let x = isSingle ? input.unsqueeze(0) : input
        var labels = targets.cast(to: .int64).viewed(as: [x.shape[0]])
        switch labels.checkIndices(in: 0..<classes) {
        case .inside: break
        case .outside(let value):
            let failed = input.invalid(
                name, "class \(value) is outside of 0..<\(classes)", remedy: "use classes of the layer",
                [input, targets],
                at: nil)
            return (failed, failed)
        case .unknown:
            labels = labels.guarded(
                in: 0..<classes, name, "a class that was computed is outside of 0..<\(classes)",
                remedy: "use classes of the layer")
        }
        func picked(_ logs: Tensor, _ places: Tensor) -> Tensor {
            logs.gathered(axis: 1, places.viewed(as: [x.shape[0], 1])).viewed(as: [x.shape[0]])
        }
        let first = cutoffs[0]
        // A class of a cluster is the cluster's in the head.
        var places = Tensor.where(labels .< first, labels, 0)
        var inner: Tensor?
        for (number, cluster) in tail.enumerated() {
            let (low, high) = (cutoffs[number], cutoffs[number + 1])
            let isHere = (labels .>= low).logicalAnd(labels .< high)
            places = Tensor.where(isHere, first + number, places)
            let logs = cluster(x).logSoftmax(axis: 1)
            let own = Tensor.where(isHere, picked(logs, Tensor.where(isHere, labels - low, 0)), 0)
            inner = inner.map { $0 + own } ?? own
        }
        let whole = picked(head(x).logSoftmax(axis: 1), places)
        let output = inner.map { whole + $0 } ?? whole
        let loss = -output.mean()
        return (isSingle ? output.viewed(as: []) : output, loss)
    }

    /// The logarithms of the probabilities of all classes: `[N, inputs]` gives `[N, classes]`.
    public func logProb(_ input: Tensor) -> Tensor {
        guard input.rank == 2, input.shape[1] == inputs else {
            return input.invalid(
                name, "input \(input.shape)", remedy: "use [N, \(inputs)]", [input], at: nil)
        }
        let logs = head(input).logSoftmax(axis: 1)
        let first = cutoffs[0]
        let parts = tail.enumerated().map { number, cluster in
            cluster(input).logSoftmax(axis: 1) + logs.narrowed(axis: 1, start: first + number, count: 1)
        }
        return Tensor.concatenate([logs.narrowed(axis: 1, start: 0, count: first)] + parts, axis: 1)
    }

    /// The most probable class of each input, int64: `[N, inputs]` gives `[N]`.
    public func predict(_ input: Tensor) -> Tensor {
        let logs = logProb(input)
        return logs.rank == 2 && logs.shape[1] == classes ? logs.argmax(1) : logs.failedIndices()
    }
}
