import Foundation
import Needletail
import NeedletailTraining
import Testing

/// Every line of `Documentation/FromPyTorch.md` compiles, runs, and gives what PyTorch gives.
@Suite struct FromPyTorchTests {
    private static func x() -> Tensor { Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]]) }
    private static func y() -> Tensor { Tensor([[6, 5, 4], [3, 2, 1]] as [[Float]]) }

    private static func expect(
        _ tensor: Tensor, _ wanted: [Double], shape: Shape? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let numbers = try tensor.plotted().values
        let isRight =
            numbers.count == wanted.count && zip(numbers, wanted).allSatisfy { abs($0 - $1) <= 1e-4 }
        #expect(isRight, "\(numbers), not \(wanted)", sourceLocation: sourceLocation)
        if let shape { #expect(tensor.shape == shape, sourceLocation: sourceLocation) }
    }

    @Test func creating() throws {
        let x = FromPyTorchTests.x()
        let array: [Float] = [1, 2, 3, 4, 5, 6]
        try FromPyTorchTests.expect(Tensor([1, 2, 3] as [Float]), [1, 2, 3])
        try FromPyTorchTests.expect(Tensor([[1, 2], [3, 4]]), [1, 2, 3, 4], shape: [2, 2])
        #expect(Tensor([[1, 2], [3, 4]]).dtype == .int64)
        #expect(Tensor([1, 2]).dtype == .int64)
        #expect(Tensor([1.0, 2.0]).dtype == .float64)
        try FromPyTorchTests.expect(Tensor(3.5 as Float), [3.5], shape: [])
        try FromPyTorchTests.expect(Tensor(array, shape: [2, 3]), [1, 2, 3, 4, 5, 6], shape: [2, 3])
        #expect(Tensor.zeros([2, 3]).shape == Tensor.ones([2, 3]).shape)
        try FromPyTorchTests.expect(Tensor.full([2, 2], 7.5), [7.5, 7.5, 7.5, 7.5])
        try FromPyTorchTests.expect(Tensor.zerosLike(x), [0, 0, 0, 0, 0, 0], shape: [2, 3])
        try FromPyTorchTests.expect(Tensor.eye(3), [1, 0, 0, 0, 1, 0, 0, 0, 1])
        try FromPyTorchTests.expect(Tensor.arange(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        try FromPyTorchTests.expect(Tensor.arange(0, 10, step: 2), [0, 2, 4, 6, 8])
        try FromPyTorchTests.expect(Tensor.linspace(0, 1, count: 5), [0, 0.25, 0.5, 0.75, 1])
        try withGenerator(Generator(seed: 9)) {
            manualSeed(0)
            let first = try Tensor.uniform([2, 3]).plotted().values
            #expect(first.allSatisfy { (0..<1).contains($0) })
            manualSeed(0)
            try FromPyTorchTests.expect(Tensor.uniform([2, 3]), first)
            #expect(try Tensor.normal([2, 3]).isFinite().all().item() == 1)
            let drawn = try Tensor.randint([4], high: 10).scalars(as: Int.self)
            #expect(drawn.count == 4 && drawn.allSatisfy { (0..<10).contains($0) })
        }
    }

    @Test func looking() throws {
        let (x, y) = (FromPyTorchTests.x(), FromPyTorchTests.y())
        #expect(x.shape == [2, 3] && x.dtype == .float32 && x.device == .cpu)
        #expect(x.rank == 2 && x.elementCount == 6 && x.shape[1] == 3)
        #expect(try x.scalars(as: Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(try x.sum().item() == 21)
        #expect("\(x)" == "tensor([[1., 2., 3.],\n        [4., 5., 6.]])")  // what print(x) writes
        let isClose = try x.allClose(y)
        #expect(!isClose)
    }

    @Test func shapes() throws {
        let (x, y) = (FromPyTorchTests.x(), FromPyTorchTests.y())
        #expect(x.reshape(3, -1).shape == [3, 2])
        for turned in [x.T, x.transpose(0, 1), x.permute(1, 0)] {
            try FromPyTorchTests.expect(turned, [1, 4, 2, 5, 3, 6], shape: [3, 2])
        }
        #expect(x.flatten().shape == [6] && x.flatten(from: 1).shape == [2, 3])
        #expect(x.unsqueeze(0).shape == [1, 2, 3] && x.unsqueeze(0).squeeze(0).shape == [2, 3])
        #expect(x.squeeze(0).shape == [2, 3])
        #expect(x.expand(4, 2, 3).shape == [4, 2, 3])
        try FromPyTorchTests.expect(
            Tensor.concatenate([x, y], axis: 1), [1, 2, 3, 6, 5, 4, 4, 5, 6, 3, 2, 1], shape: [2, 6])
        try FromPyTorchTests.expect(
            Tensor.stack([x, y]), [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1], shape: [2, 2, 3])
        #expect(x.chunk(3, axis: 1).map(\.shape) == [[2, 1], [2, 1], [2, 1]])
    }

    @Test func parts() throws {
        let (x, y) = (FromPyTorchTests.x(), FromPyTorchTests.y())
        try FromPyTorchTests.expect(x[0], [1, 2, 3])
        try FromPyTorchTests.expect(x[0, 1], [2])
        try FromPyTorchTests.expect(x[-1], [4, 5, 6])
        try FromPyTorchTests.expect(x[0..., 1], [2, 5])
        try FromPyTorchTests.expect(x[..., 0], [1, 4])
        try FromPyTorchTests.expect(x[0..., 0..<2], [1, 2, 4, 5])
        try FromPyTorchTests.expect(x[.all, .range(nil, nil, by: 2)], [1, 3, 4, 6])
        #expect(x[.all, .newAxis].shape == [2, 1, 3])
        try FromPyTorchTests.expect(x[x .> 2], [3, 4, 5, 6])
        try FromPyTorchTests.expect(x[Tensor([1, 0])], [4, 5, 6, 1, 2, 3])
        var z = x
        z[0] = 3
        z[z .> 4] = 0
        try FromPyTorchTests.expect(z, [3, 3, 3, 4, 0, 0])
        try FromPyTorchTests.expect(x, [1, 2, 3, 4, 5, 6])
        let index = Tensor([[0], [2]])
        try FromPyTorchTests.expect(x.gather(axis: 1, index: index), [1, 6])
        try FromPyTorchTests.expect(Tensor.where(x .> 2, x, y), [6, 5, 3, 4, 5, 6])
        let labels = Tensor([3])
        try FromPyTorchTests.expect(labels.oneHot(classes: 10), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0], shape: [1, 10])
    }

    @Test func arithmetic() throws {
        let (x, y) = (FromPyTorchTests.x(), FromPyTorchTests.y())
        try FromPyTorchTests.expect(x + y, [7, 7, 7, 7, 7, 7])
        try FromPyTorchTests.expect(x * 2, [2, 4, 6, 8, 10, 12])
        try FromPyTorchTests.expect(1 / x, [1, 0.5, 0.33333, 0.25, 0.2, 0.16667])
        try FromPyTorchTests.expect(x.matmul(y.T), [28, 10, 73, 28])
        try FromPyTorchTests.expect(x.pow(2), [1, 4, 9, 16, 25, 36])
        try FromPyTorchTests.expect(x.sqrt()[0], [1, 1.414214, 1.732051])
        try FromPyTorchTests.expect(x.exp()[0], [2.718282, 7.389056, 20.085537])
        try FromPyTorchTests.expect(x .== y, [0, 0, 0, 0, 0, 0])
        try FromPyTorchTests.expect(x .> 2, [0, 0, 1, 1, 1, 1])
        try FromPyTorchTests.expect(x.clamp(min: 0, max: 1), [1, 1, 1, 1, 1, 1])
        try FromPyTorchTests.expect(x.sum(axes: 1, keepDims: true), [6, 15], shape: [2, 1])
        try FromPyTorchTests.expect(x.mean(axes: 0), [2.5, 3.5, 4.5])
        try FromPyTorchTests.expect(x.std(axes: 0), [2.12132, 2.12132, 2.12132])
        try FromPyTorchTests.expect(x.max(), [6])
        try FromPyTorchTests.expect(x.max(axis: 1).values, [3, 6])
        try FromPyTorchTests.expect(x.argmax(1), [2, 2])
        try FromPyTorchTests.expect(x.sort(descending: true).values, [3, 2, 1, 6, 5, 4])
        try FromPyTorchTests.expect(x.topk(2).indices, [2, 1, 2, 1])
        try FromPyTorchTests.expect(x.cumsum(axis: 1), [1, 3, 6, 4, 9, 15])
        try FromPyTorchTests.expect(einsum("ij,kj->ik", x, y), [28, 10, 73, 28])
        #expect(x.to(.float32).dtype == .float32 && x.to(.float16).dtype == .float16)
        try FromPyTorchTests.expect((x - 3).relu(), [0, 0, 0, 1, 2, 3])
        try FromPyTorchTests.expect(x.relu(), [1, 2, 3, 4, 5, 6])
        try FromPyTorchTests.expect(x.sigmoid()[0], [0.731059, 0.880797, 0.952574])
        try FromPyTorchTests.expect(x.softmax(axis: -1)[1], [0.090031, 0.244728, 0.665241])
    }

    @Test func derivatives() throws {
        let x = FromPyTorchTests.x()
        let w = Tensor([2] as [Float]).requiringGrad()
        let loss = (w * w * w).sum()
        loss.backward()
        try FromPyTorchTests.expect(try #require(w.grad), [12])
        let other = (w * w).sum()
        let found = gradients(of: other, withRespectTo: [w])
        try FromPyTorchTests.expect(try #require(found[0]), [4])
        #expect(!(w * 2).detach().requiresGrad && !x.detach().requiresGrad)
        let model = Linear(3, 1)
        #expect(model(x).requiresGrad)
        let predicted = withNoGrad { model(x) }
        #expect(!predicted.requiresGrad)
        #expect(Parameter(Tensor.zeros([3])).requiresGrad)
        let twice = Tensor.custom([x]) {
            x * 2
        } pullback: { gradient, _ in
            [gradient * 2]
        }
        try FromPyTorchTests.expect(twice, [2, 4, 6, 8, 10, 12])
    }

    /// The page's model.
    final class Net: UnaryLayer {
        let hidden = Linear(784, 128)
        let output = Linear(128, 10)

        func callAsFunction(_ x: Tensor) -> Tensor {
            output(hidden(x).relu())
        }
    }

    @Test func modules() throws {
        let images = Tensor.ones([2, 1, 8, 8])
        let parts = Sequential {
            Conv2d(1, 6, kernel: 5, padding: 2)
            BatchNorm2d(6)
            MaxPool2d(kernel: 2)
            Dropout(0.5)
            Flatten()
        }
        #expect(parts(images).shape == [2, 96])
        let words = Embedding(100, 16)(Tensor([[1, 2, 3]]))
        #expect(words.shape == [1, 3, 16])
        #expect(LSTM(16, 32)(words).output.shape == [1, 3, 32])
        #expect(TransformerEncoderLayer(16, heads: 4)(words).shape == [1, 3, 16])

        let model = Net()
        let x = Tensor.ones([2, 784])
        model.train()
        #expect(model(x).shape == [2, 10])
        model.eval()
        #expect(model.parameters.count == 4)
        #expect(model.namedParameters.map(\.name) == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
        #expect(model.parameterCount == 101_770)
        let state = model.stateDictionary()
        try model.load(stateDictionary: state)
        #expect("\(model)".contains("(hidden): Linear(in_features=784"))  // what print(model) writes
        #expect(model.summary(input: x).parameterCount == 101_770)
        model.to(dtype: .float16)
        #expect(model.parameters[0].dtype == .float16)
    }

    @Test func training() throws {
        let (x, y) = (FromPyTorchTests.x(), FromPyTorchTests.y())
        let model = Linear(3, 2)
        let labels = Tensor([0, 1])
        let optimizer = SGD(model.parameters, learningRate: 0.1, momentum: 0.9)
        let scheduler = LearningRateScheduler(optimizer, StepSchedule(every: 10))
        optimizer.zeroGrad()
        let logits = model(x)
        crossEntropy(logits, labels).backward()
        #expect(try optimizer.clipGradientNorm(1).item() > 0)
        try optimizer.step()
        scheduler.step()
        #expect(optimizer.learningRate == 0.1)
        #expect(AdamW(model.parameters, learningRate: 1e-3).learningRate == 1e-3)
        try FromPyTorchTests.expect(mseLoss(x, y), [11.666667])
        try FromPyTorchTests.expect(l1Loss(x, y), [3])
        let targets = Tensor([[1, 0, 1], [0, 1, 1]] as [[Float]])
        try FromPyTorchTests.expect(binaryCrossEntropyWithLogits(x, targets), [1.0860])
        let smooth = CrossEntropyLoss(labelSmoothing: 0.1)
        try FromPyTorchTests.expect(smooth(x, Tensor([2, 2])), [0.507606])
        _ = Accelerator.current
    }

    @Test func theLoopTrains() throws {
        let dataset = DeviceDataset(
            features: [UInt8](repeating: 7, count: 6400 * 784), shape: [1, 28, 28],
            labels: [UInt8](repeating: 3, count: 6400))
        let loader = DataLoader(dataset, batchSize: 64, shuffle: true)
        let model = Sequential {
            Flatten()
            Linear(784, 128)
            ReLU()
            Linear(128, 10)
        }
        let optimizer = Adam(model.parameters, learningRate: 1e-3)

        for batch in loader.epoch(0) {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
        }
        #expect(try model.evaluate(on: dataset).accuracy == 1)
    }

    @Test func everyLineOfThePageIsHere() throws {
        try PageOfCode.expect("Documentation/FromPyTorch.md", in: #filePath)
    }
}

/// Code of a page that a test's file has to hold.
enum PageOfCode {
    /// Expects that each code span of a table's last column, and each line of a Swift block, stands in the file.
    ///
    /// - Parameter least: as many pieces of code as the page has at least.
    static func expect(
        _ page: String, in file: String, least: Int = 60, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let source = try String(contentsOfFile: file, encoding: .utf8)
        let lines = Set(source.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
        let text = try String(contentsOf: SnippetTests.root.appendingPathComponent(page), encoding: .utf8)
        var isSwift = false
        var count = 0
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                isSwift = line == "```swift"
            } else if isSwift, !line.hasPrefix("import ") {
                count += 1
                #expect(
                    lines.contains(line.trimmingCharacters(in: .whitespaces)), "\(line)", sourceLocation: sourceLocation
                )
            } else if line.hasPrefix("| `") {
                let column = line.components(separatedBy: " | ").last ?? ""
                let spans = column.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }
                #expect(!spans.isEmpty, "\(line)", sourceLocation: sourceLocation)
                for (_, span) in spans {
                    count += 1
                    #expect(source.contains(span), "\(span)", sourceLocation: sourceLocation)
                }
            }
        }
        #expect(count >= least, "\(page): \(count) pieces of code", sourceLocation: sourceLocation)
    }
}
