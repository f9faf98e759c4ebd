import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Callbacks that look into a run: what it is made of, and where it goes wrong.
@Suite struct InspectionTests {
    private func trainer(_ layers: [any UnaryLayer], rate: Double = 0.1) -> Trainer {
        let model = Sequential(layers)
        return Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: rate), loss: { crossEntropy($0, $1) },
            callbacks: [NaNCheck()], generator: Generator(seed: 1))
    }

    private final class Root: UnaryLayer {
        func callAsFunction(_ input: Tensor) -> Tensor { (input - 10).sqrt() }
    }

    /// Its derivative at 0 is infinite, and times 0 no number.
    private final class RootAtZero: UnaryLayer {
        func callAsFunction(_ input: Tensor) -> Tensor { (input * 0).sqrt() }
    }

    private func linear(_ outputs: Int) -> Linear { Linear(6, outputs, generator: Generator(seed: 1)) }

    private func message(_ trainer: Trainer, _ loader: DataLoader = SmallData.loader()) throws -> String {
        let before = trainer.model.parameters.map(\.value)
        let error = #expect(throws: TensorError.self) { try trainer.fit(loader) }
        // Nothing has been spread.
        for (value, parameter) in zip(before, trainer.model.parameters) {
            #expect(try value.bytes() == parameter.value.bytes())
        }
        return error?.message ?? ""
    }

    @Test func theFirstNaNIsNamedWithLayerAndOperation() throws {
        let inner = Sequential([linear(6), Root(), Tanh()])
        let text = try message(trainer([inner, linear(3)]))
        #expect(text.contains("epoch 1, step 1: the loss (nan)"), "\(text)")
        #expect(text.contains("layer '0.1' (Root)") && text.contains("sqrt"), "\(text)")
    }

    @Test func aNaNOfTheBackwardPassIsNamed() throws {
        let text = try message(trainer([linear(6), RootAtZero(), linear(3)]))
        #expect(text.contains("step 1: the gradient of '0.bias' is no finite number"), "\(text)")
        #expect(text.contains("it comes from the backward pass: "), "\(text)")
    }

    @Test func aWeightThatIsNoNumberIsNamed() throws {
        let layer = linear(3)
        let bias = try #require(layer.bias)
        bias.assign(Tensor([0, Float.infinity, 0]))
        let text = try message(trainer([layer]))
        #expect(text.contains("parameter '0.bias' has one already"), "\(text)")
    }

    @Test func aRunWithoutNaNIsTheSameWithTheCheck() throws {
        let plain = SmallData.trainer()
        let checked = SmallData.trainer(callbacks: [NaNCheck()])
        try plain.fit(SmallData.loader(), epochs: 2)
        try checked.fit(SmallData.loader(), epochs: 2)
        #expect(
            zip(plain.model.parameters, checked.model.parameters).allSatisfy { a, b in
                let values = [a, b].map { $0.value.shape }
                return values[0] == values[1]
            })
        let (a, b) = (plain.history["loss"], checked.history["loss"])
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 }, "\(a) \(b)")
    }

    @Test func statisticsAreThoseOfTheNumbers() throws {
        let directory = TemporaryDirectory()
        let path = directory.path("parameters.csv")
        let statistics = ParameterStatistics(path: path)
        let trainer = SmallData.trainer(callbacks: [statistics])
        trainer.model.parameters[1].requiresGrad = false
        try trainer.fit(SmallData.loader(), epochs: 2)
        let named = trainer.model.namedParameters
        #expect(statistics.rows.map(\.name) == named.map(\.name) + named.map(\.name))
        for (row, (_, parameter)) in zip(statistics.rows.suffix(named.count), named) {
            func check(_ values: [Double], _ mean: Double, _ deviation: Double, _ norm: Double) {
                let count = Double(values.count)
                let average = values.reduce(0, +) / count
                let square = values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / count
                #expect(abs(mean - average) < 1e-5 && abs(deviation - square.squareRoot()) < 1e-5)
                #expect(abs(norm - values.reduce(0) { $0 + $1 * $1 }.squareRoot()) < 1e-4)
            }
            check(try parameter.value.scalars(as: Double.self), row.mean, row.deviation, row.norm)
            if let gradient = try parameter.grad?.scalars(as: Double.self) {
                check(gradient, row.gradientMean, row.gradientDeviation, row.gradientNorm)
            } else {
                #expect(row.gradientMean.isNaN && row.gradientNorm.isNaN)
            }
        }
        // A resumed run goes on with the table.
        let again = ParameterStatistics(path: path)
        let second = SmallData.trainer(callbacks: [again])
        try Checkpoint(of: trainer, model: "a").restore(second)
        try second.fit(SmallData.loader(), epochs: 3)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1 + 3 * named.count && again.rows.count == 3 * named.count)
    }

    @Test func progressIsALineAnEpoch() throws {
        var lines: [String] = []
        let trainer = SmallData.trainer(callbacks: [ProgressLine { lines.append($0) }])
        try trainer.fit(SmallData.loader(), epochs: 2)
        #expect(
            lines.count == 2 && lines[1].hasPrefix("epoch 2/2  loss 0.") || lines[1].hasPrefix("epoch 2/2  loss 1."))
        #expect(lines[0].contains("  accuracy ") && lines[0].hasSuffix(" s"))
    }

    @Test func aRunHasAPage() throws {
        let directory = TemporaryDirectory()
        let path = directory.path("runs/report.html")
        var features: [UInt8] = []
        for index in 0..<(40 * 16) {
            features.append(UInt8(Philox.word(index: UInt64(index), key: 3, offset: 0) % 256))
        }
        let images = DeviceDataset(features: features, shape: [1, 4, 4], labels: (0..<40).map { UInt8($0 % 3) })
        let model = Sequential([Flatten(), Linear(16, 3, generator: Generator(seed: 1))])
        let report = RunReport(
            path, title: "Dots & lines", test: DataLoader(images, batchSize: 16), classes: ["a", "b", "<c>"],
            settings: ["data": "noise"])
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.01), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: [report])
        let loader = DataLoader(images, batchSize: 8, shuffle: true)
        try trainer.fit(loader, validation: loader, epochs: 3)
        let page = try String(contentsOfFile: path, encoding: .utf8)
        for text in [
            "Dots &amp; lines", "Result", "Curves", "What is taken for what", "Worst mistakes",
            "Weights of the first layer", "Linear(in_features=16", "51 parameters", "noise", "sgd, lr 0.01",
            "40 examples in batches of 8, shuffled with seed 0", "&lt;c&gt;",
        ] { #expect(page.contains(text), "no \(text)") }
        #expect(
            !page.contains("<c>") && !page.contains("<script") && !page.contains("http://") || page.contains("w3.org"))
        // Stopped within an epoch, it does not run the model again.
        let stopping = LambdaCallback(stepEnd: { $0.stop() })
        let stopped = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.01), loss: { crossEntropy($0, $1) },
            callbacks: [report, stopping])
        try stopped.fit(loader, epochs: 1)
        let early = try String(contentsOfFile: path, encoding: .utf8)
        #expect(early.contains("stopped before the end of the first epoch") && !early.contains("Worst mistakes"))
    }

    /// The bytes are tensorboard 2.21's (make_golden_events.py).
    @Test func eventsAreTensorBoards() {
        #expect(TensorBoardEvents.checksum(Array("123456789".utf8)) == 0xE306_9283)
        let bytes = [
            TensorBoardEvents.version(at: 1.5), TensorBoardEvents.scalar("val_loss", 0.1, step: 300, at: 2.25),
        ].flatMap { TensorBoardEvents.record($0) }
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(
            digits == "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
                + "1f00000000000000514b441809000000000000024010ac022a110a0f0a0876616c5f6c6f737315cdcccc3de34eca70")
    }

    @Test func aResumedRunsEventFileHasItsOwnEpochs() throws {
        let directory = TemporaryDirectory()
        let first = SmallData.trainer(callbacks: [TensorBoardLog(directory.path("runs/a"))])
        try first.fit(SmallData.loader(), epochs: 2)
        let path = try #require(directory.files(in: "runs/a").first)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let second = SmallData.trainer(callbacks: [TensorBoardLog(directory.path("runs/a"))])
        try Checkpoint(of: first, model: "a").restore(second)
        try second.fit(SmallData.loader(), epochs: 3)
        // What was there stays; the second file has a version, a start, settings, and the third epoch's loss, accuracy and rate.
        let files = directory.files(in: "runs/a")
        #expect(try files.count == 2 && Data(contentsOf: URL(fileURLWithPath: files[0])) == before)
        func frames(_ data: Data) -> Int {
            var (frames, place) = (0, data.startIndex)
            while place < data.endIndex {
                let length = (0..<8).reduce(0) { $0 | Int(data[place + $1]) << (8 * $1) }
                place += 16 + length
                frames += 1
            }
            return place == data.endIndex ? frames : 0
        }
        #expect(try frames(before) == 3 + 2 * 3 && frames(Data(contentsOf: URL(fileURLWithPath: files[1]))) == 3 + 3)
    }
}
