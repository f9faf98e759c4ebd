import Needletail
import NeedletailTraining
import Testing

/// Wrong calls that give no tensor, or one of an initialiser: `checked` throws each, and the process goes on.
@Suite struct CheckedCallTests {
    struct Call: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let texts: [String]
        let make: @Sendable () throws -> Any

        init(_ name: String, _ texts: String..., make: @escaping @Sendable () throws -> Any) {
            testDescription = name
            self.texts = texts
            self.make = make
        }
    }

    private static let weights: @Sendable () -> [Parameter] = { [Parameter(Tensor.ones([2]))] }

    private static let layers: [Call] = [
        Call("Dropout(2)", "Dropout(2.0)", "0 to 1") { Dropout(2)(Tensor.ones([2])) },
        Call("Linear(-1, 2)", "Linear(-1, 2)", "[2, -1]") { Linear(-1, 2)(Tensor.ones([2])) },
        Call("Linear too large", "Linear(1099511627776, 1099511627776)") { Linear(1 << 40, 1 << 40) },
        Call("Conv2d of groups", "Conv2d(3, 4, kernel: 3x3)", "2 groups") { Conv2d(3, 4, kernel: 3, groups: 2) },
        Call("Conv2d of stride 0", "Conv2d(3, 4, kernel: 3x3)", "stride 0x0") { Conv2d(3, 4, kernel: 3, stride: 0) },
        Call("Conv2d too large", "Conv2d(") { Conv2d(1 << 31, 1 << 31, kernel: [1 << 20, 1 << 20]) },
        Call("LayerNorm of nothing", "LayerNorm([])") { LayerNorm([] as Shape)(Tensor.ones([2])) },
        Call("LayerNorm(-1)", "LayerNorm([-1])") { LayerNorm(-1) },
        Call("BatchNorm2d(-1)", "BatchNorm2d(-1)") { BatchNorm2d(-1) },
        Call("Extent2D of three", "Extent2D: 3 numbers") { [1, 2, 3] as Extent2D },
        Call("a parameter of integers", "Parameter", "int64") { Parameter(Tensor([1, 2])) },
        Call("one value a channel", "BatchNorm1d(3)", "1 values a channel") { BatchNorm1d(3)(Tensor.ones([1, 3])) },
        Call("no rows", "BatchNorm1d(3)", "0 values a channel") { BatchNorm1d(3)(Tensor.ones([0, 3])) },
        Call("a pooling window of 0", "MaxPool2d", "kernel 0x0") { MaxPool2d(kernel: 0)(Tensor.ones([1, 1, 2, 2])) },
    ]

    private static let optimizers: [Call] = [
        Call("nesterov without momentum", "SGD", "nesterov") { SGD(weights(), nesterov: true) },
        Call("a learning rate of -1", "SGD", "learning rate of -1.0") { SGD(weights(), learningRate: -1) },
        Call("a learning rate of NaN", "Adam", "learning rate of nan") { Adam(weights(), learningRate: .nan) },
        Call("a momentum of -1", "SGD", "momentum of -1.0") { SGD(weights(), momentum: -1) },
        Call("a weight decay of -1", "AdamW", "weight decay of -1.0") { AdamW(weights(), weightDecay: -1) },
        Call("an epsilon of -1", "Adam", "epsilon of -1.0") { Adam(weights(), epsilon: -1) },
        Call("betas", "Adam", "(1.0, 2.0)") { Adam(weights(), betas: (1, 2)) },
        Call("no parameters", "Optimizer", "no parameters") { SGD([]) },
        Call("a group of none", "Optimizer", "no parameters") { SGD(weights()).addGroup([], rule: SGDRule()) },
        Call("steps of 0", "StepSchedule", "every 0") { StepSchedule(every: 0).rate(after: 3, initial: 1) },
        Call("a cosine of 0", "CosineSchedule", "length of 0") { CosineSchedule(length: 0) },
    ]

    private static let tensors: [Call] = [
        Call("rank 9", "zeros", "[9 extents]") { Tensor.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]) },
        Call("rank 9 of an array", "ones", "[9 extents]") { Tensor.ones(Shape(Array(repeating: 1, count: 9))) },
        Call("a tenth extent", "zeros", "extents") {
            var shape = Shape(repeating: 1, rank: 8)
            for _ in 0..<3 { shape.append(2) }
            return Tensor.zeros(shape)
        },
        Call("reshape to rank 9", "reshape", "[9 extents]") {
            Tensor.ones([1]).reshape([1, 1, 1, 1, 1, 1, 1, 1, 1] as Shape)
        },
        Call("a rank of 300", "zeros", "[300 extents]") { Tensor.zeros(Shape(repeating: 1, rank: 300)) },
        Call("a rank of -1", "Shape", "rank -1") { Shape(repeating: 1, rank: -1) },
        Call("a shape's axis 2", "Shape", "axis 2") { Tensor.ones([2, 3]).shape[2] },
        Call("zeros", "zeros: ", "[-1]") { Tensor.zeros([-1]) },
        Call("ones", "ones: ", "[-1]") { Tensor.ones([-1]) },
        Call("full", "full: ", "[-1]") { Tensor.full([-1], 2) },
        Call("eye", "eye: ", "[-1, -1]") { Tensor.eye(-1) },
        Call("linspace", "linspace: ", "[-1]") { Tensor.linspace(0, 1, count: -1) },
        Call("uniform", "uniform: ", "[-1]") { Tensor.uniform([-1]) },
        Call("a large number in bytes", "Tensor: 300") { Tensor(300, dtype: .uint8) },
        Call("stack of none", "stack: ", "no tensors") { Tensor.stack([], axis: 3) },
        Call("stack at axis 5", "stack: axis 5") { Tensor.stack([Tensor.ones([2])], axis: 5) },
        Call("max of none", "max: ", "[0]") { Tensor.ones([0]).max() },
        Call("min of none", "min: ", "[0]") { Tensor.ones([0]).min() },
        Call("prod of axis 4", "prod: ", "[4]") { Tensor.ones([2]).prod(axes: 4) },
        Call("any of axis 4", "any: ", "[4]") { Tensor.ones([2]).any(axes: 4) },
        Call("all of axis 4", "all: ", "[4]") { Tensor.ones([2]).all(axes: 4) },
        Call("std of integers", "std: ", "int64") { Tensor([1, 2]).std() },
        Call("conv1d", "conv1d: ", "2 channels") {
            Tensor.conv1d(Tensor.ones([1, 2, 5]), weight: Tensor.ones([1, 3, 2]))
        },
        Call("maxPool1d", "maxPool1d: ") { Tensor.maxPool1d(Tensor.ones([1, 2, 5]), kernel: 9) },
        Call("minus true", "-: bool") { -Tensor([true]) },
        Call("negated true", "negated: bool") { Tensor([true]).negated() },
        Call("a permutation of -1", "permutation", "-1") { Tensor.permutation(-1) },
        Call("uniform from 1 to 0", "uniform", "1.0 to 0.0") { Tensor.uniform([2], low: 1, high: 0) },
        Call("normal of -1", "normal", "-1.0") { Tensor.normal([2], std: -1) },
        Call("bernoulli of 2", "bernoulli", "2.0") { Tensor.bernoulli([2], probability: 2) },
        Call("classes of another count", "Accuracy", "[4, 2]", "[3]") {
            Accuracy().update(Tensor.ones([4, 2]), Tensor.ones([3], dtype: .int64))
        },
    ]

    private static let overflows: [Call] = [
        Call("pad by the most", "pad", "result") { Tensor.ones([2]).pad([(before: .max, after: .max)]) },
        Call("pad by almost the most", "pad", "result") { Tensor.ones([2]).pad([(before: .max - 4, after: 1)]) },
        Call("one hot of the most", "oneHot", "result") { Tensor([1, 2]).oneHot(classes: .max) },
        Call("a padding of the most", "conv2d") {
            Tensor.conv2d(
                Tensor.ones([1, 1, 2, 2]), weight: Tensor.ones([1, 1, 1, 1]), padding: [.max, .max])
        },
        Call("a stride of the least", "maxPool2d") {
            Tensor.maxPool2d(Tensor.ones([1, 1, 2, 2]), kernel: [1, 1], stride: [.min, .min])
        },
        Call("a product of too much", "matmul", "result") {
            Tensor.ones([1, 1]).expand(1 << 40, 1).matmul(Tensor.ones([1, 1]).expand(1, 1 << 40))
        },
        Call("a concatenation of too much", "concatenate", "result") {
            Tensor.concatenate(Array(repeating: Tensor.ones([1]).expand(1 << 56), count: 130))
        },
        Call("an identity of too much", "eye", "[1099511627776, 1099511627776]") { Tensor.eye(1 << 40) },
        Call("numbers of the most", "reserve") { Generator(seed: 1).reserve(.max) },
        Call("batches of 0", "batches(of: 0)") { dataset.batches(of: 0).count },
        Call("batch 9", "batch 9 is outside 0..<1") { dataset.batches(of: 2)[9] },
        Call("too few bytes", "DeviceDataset: 3 bytes") {
            DeviceDataset(features: [1, 2, 3], shape: [2], labels: [0, 1]).count
        },
    ]

    private static let dataset = DeviceDataset(features: [1, 2], shape: [1], labels: [0, 1])

    @Test(arguments: layers + optimizers + tensors + overflows) func isThrown(_ call: Call) throws {
        do {
            _ = try checked { try call.make() }
            Issue.record("no error was thrown")
        } catch let error as TensorError {
            #expect(error.kind == .invalidArgument, "\(error)")
            #expect(error.message.contains(";"), "no remedy: \(error)")
            for text in call.texts { #expect(error.message.contains(text), "no \(text) in: \(error)") }
        }
    }

    @Test func whatHasAnAnswerIsNoError() throws {
        let bytes = Tensor([1, 200] as [UInt8])
        #expect(try (bytes .< 300).scalars(as: Bool.self) == [true, true])
        #expect(try (bytes .== -1).scalars(as: Bool.self) == [false, false])
        #expect(try (Tensor([1] as [Int32]) .>= 1 << 40).scalars(as: Bool.self) == [false])
        #expect(try Tensor.arange(10)[.range(1, nil, by: .max)].scalars(as: Int.self) == [1])
        #expect(try Tensor.arange(5).slice(axis: 0, by: .max).scalars(as: Int.self) == [0])
        #expect(Tensor.arange(5).chunk(.max).map(\.elementCount) == [1, 1, 1, 1, 1])
        #expect(Tensor.arange(5).split(.max).map(\.elementCount) == [5])
        #expect(try Tensor.ones([4]).variance(correction: .min).item() == 0)
        _ = Generator(seed: 1).child(-1)
    }
}
