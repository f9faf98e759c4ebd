import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// TensorBoard's event files: their bytes, and what a run's file holds, read by a parser of its own.
@Suite struct TensorBoardTests {
    // MARK: Bytes

    private func hexadecimal(_ event: [UInt8]) -> String {
        TensorBoardEvents.record(event).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The bytes are tensorboard 2.21's (make_golden_events.py).
    @Test func eventsAreTensorBoards() throws {
        let numbers = try #require(TensorBoardEvents.Histogram([1.5, .nan, 0.5, .infinity]))
        #expect(
            hexadecimal(TensorBoardEvents.histogram("weights/a", numbers, step: 3, at: 2.25))
                == "32020000000000001879759d09000000000000024010032aa4040aa1040a09776569676874732f612a930409000000000000"
                + "e03f11000000000000f83f19000000000000004021000000000000004029000000000000044032f001111111111111e13f22"
                + "2222222222e23f333333333333e33f444444444444e43f555555555555e53f666666666666e63f787777777777e73f888888"
                + "888888e83f9a9999999999e93faaaaaaaaaaaaea3fbcbbbbbbbbbbeb3fcdccccccccccec3fdedddddddddded3fefeeeeeeee"
                + "eeee3f000000000000f03f888888888888f03f111111111111f13f9a9999999999f13f222222222222f23faaaaaaaaaaaaf2"
                + "3f333333333333f33fbcbbbbbbbbbbf33f444444444444f43fcdccccccccccf43f565555555555f53fdeddddddddddf53f66"
                + "6666666666f63fefeeeeeeeeeef63f787777777777f73f000000000000f83f3af001000000000000f03f0000000000000000"
                + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                + "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                + "00000000000000000000000000000000000000000000f03f94392b7b")
        #expect(
            hexadecimal(TensorBoardEvents.start(step: 3, at: 2.25))
                == "0f000000000000006d532b0909000000000000024010033a0208015b4da943")
        let png = [UInt8](repeating: 0, count: 16) + [0, 0, 0, 5, 0, 0, 0, 7, 8, 2]
        #expect(
            hexadecimal(TensorBoardEvents.image("predictions", png: png, step: 3, at: 2.25))
                == "40000000000000002817f49509000000000000024010032a330a310a0b70726564696374696f6e732222080710051803221a"
                + "0000000000000000000000000000000000000005000000070802c2f075c7")
        #expect(
            hexadecimal(TensorBoardEvents.text("settings", "| a | b |", step: 3, at: 2.25))
                == "3800000000000000a3797d5709000000000000024010032a2b0a290a0873657474696e67734213080712041202080142097c"
                + "2061207c2062207c4a080a060a04746578744ac28771")
    }

    @Test func histogramsCountEachNumberOnce() throws {
        #expect(TensorBoardEvents.Histogram([]) == nil && TensorBoardEvents.Histogram([.nan, .infinity]) == nil)
        let same = try #require(TensorBoardEvents.Histogram([3, 3, 3]))
        #expect(same.limits == [3.5] && same.counts == [3] && same.least == 3 && same.largest == 3 && same.sum == 9)
        let numbers = (0..<300).map { Float($0 % 60) }
        let spread = try #require(TensorBoardEvents.Histogram(numbers))
        // 60 numbers over 59 in thirty buckets: two or, where both ends meet one, fewer in each.
        #expect(spread.counts.reduce(0, +) == 300 && spread.limits.count == 30 && spread.limits.last == 59)
        for (place, limit) in spread.limits.enumerated().dropLast() {
            let below = numbers.count { Double($0) < limit }
            #expect(spread.counts[...place].reduce(0, +) == Double(below))
        }
        let huge = try #require(
            TensorBoardEvents.Histogram([-.greatestFiniteMagnitude, .greatestFiniteMagnitude, .leastNonzeroMagnitude]))
        #expect(huge.counts.reduce(0, +) == 3 && huge.limits.allSatisfy(\.isFinite))
    }

    // MARK: A run's file

    private let directory = TemporaryDirectory()
    private var run: String { directory.path("run") }
    /// The run's event files, in the order in which readers take them.
    private var files: [String] { directory.files(in: "run").filter { $0.contains("events.out.tfevents.") } }

    /// What TensorBoard shows of the run: an event file that says from which step on it counts takes the place of those before.
    private func shown() throws -> [EventFile.Event] {
        var result: [EventFile.Event] = []
        for file in files {
            let found = try EventFile.events(file, isTorn: file != files.last)
            #expect(found.first?.version == "brain.Event:2" && found.dropFirst().allSatisfy { $0.version == nil })
            #expect(found.count { $0.isStart } == 1 && found.dropFirst().first?.isStart == true)
            for event in found where event.version == nil {
                if event.isStart { result.removeAll { $0.step >= event.step } } else { result.append(event) }
            }
        }
        return result
    }

    private static let pictures: DeviceDataset = {
        let pixels = (0..<(40 * 16)).map { UInt8(Philox.word(index: UInt64($0), key: 3, offset: 0) % 256) }
        return DeviceDataset(features: pixels, shape: [1, 4, 4], labels: (0..<40).map { UInt8($0 % 3) })
    }()

    private func trainer(_ more: [any TrainingCallback] = [], every: Int? = 1) -> Trainer {
        let generator = Generator(seed: 1)
        let model = Sequential {
            Flatten()
            Linear(16, 5, generator: generator)
            ReLU()
            Linear(5, 3, generator: generator)
        }
        model.parameters[1].requiresGrad = false
        return Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.05), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: [log(every: every)] + more, generator: generator)
    }

    private func log(every: Int? = 1) -> TensorBoardLog {
        TensorBoardLog(
            run, histogramsEvery: every, predictions: DataLoader(TensorBoardTests.pictures, batchSize: 20),
            classes: ["a", "b", "c"])
    }

    private var loader: DataLoader { DataLoader(TensorBoardTests.pictures, batchSize: 8, shuffle: true, seed: 2) }

    @Test func aRunsFileHasItsNumbersDistributionsPicturesAndSettings() throws {
        var weights: [[Float]] = []
        let hook = LambdaCallback(epochEnd: { trainer, _ in
            weights.append(try trainer.model.parameters[0].value.scalars(as: Float.self))
        })
        let trainer = trainer([hook])
        try trainer.fit(loader, epochs: 2)
        let found = try shown()
        let settings = try #require(found.first { $0.tag == "settings" })
        #expect(settings.step == 0 && settings.text?.contains("| optimizer | sgd, lr 0.05") == true, "\(settings)")
        #expect(settings.text?.hasPrefix("| setting | value |\n|---|---|\n") == true)
        for name in ["loss", "accuracy"] {
            let points = found.filter { $0.tag == name }
            #expect(points.map(\.step) == [1, 2] && points.map(\.scalar) == trainer.history[name].map { Float($0) })
        }
        let tags = Set(found.compactMap { $0.histogram == nil ? nil : $0.tag })
        let names = trainer.model.namedParameters.map(\.name)
        // The second has no gradient.
        #expect(
            tags == Set(names.map { "weights/\($0)" } + names.filter { $0 != "1.bias" }.map { "gradients/\($0)" }))
        for epoch in 1...2 {
            let own = weights[epoch - 1].map(Double.init)
            let histogram = try #require(
                found.first { $0.tag == "weights/1.weight" && $0.step == epoch }?.histogram)
            #expect(histogram[1]?[0] == own.min() && histogram[2]?[0] == own.max() && histogram[3] == [80])
            #expect(abs((histogram[4]?[0] ?? .nan) - own.reduce(0, +)) < 1e-9)
            #expect(abs((histogram[5]?[0] ?? .nan) - own.reduce(0) { $0 + $1 * $1 }) < 1e-9)
            #expect(histogram[6]?.count == histogram[7]?.count && histogram[7]?.reduce(0, +) == 80)
            let image = try #require(found.first { $0.tag == "predictions" && $0.step == epoch }?.image)
            let decoded = try PictureChecks.decoded(image.png)
            #expect(decoded.width == image.width && decoded.height == image.height && image.width > 100)
            #expect(Set(decoded.pixels).count > 10)
        }
    }

    /// An event without its time.
    private func described(_ event: EventFile.Event) -> String {
        "\(event.step) \(event.tag ?? "") \(event.scalar ?? 0) \((event.histogram ?? [:]).sorted { $0.key < $1.key }) "
            + "\(event.image?.png ?? [])"
    }

    /// What an earlier run wrote behind its last checkpoint is done again; a torn record is left out.
    @Test func aResumedRunShowsEachEpochOnce() throws {
        let whole = trainer()
        try whole.fit(loader, epochs: 4)
        let wanted = try shown()
        var saved: Checkpoint?
        let saver = LambdaCallback { trainer, epoch in
            if epoch.number == 2 { saved = try Checkpoint(of: trainer, model: "a") }
        }
        try FileManager.default.moveItem(atPath: run, toPath: directory.path("other"))
        try trainer([saver]).fit(loader, epochs: 3)
        let first = try #require(files.first)
        let file = try #require(FileHandle(forUpdatingAtPath: first))
        try file.seekToEnd()
        try file.write(contentsOf: Data(TensorBoardEvents.record([9, 9, 9]).prefix(13)))
        try file.close()
        let second = trainer()
        try #require(saved).restore(second)
        try second.fit(loader, epochs: 4)
        let found = try shown()
        #expect(
            found.filter { $0.text == nil }.map(described) == wanted.filter { $0.text == nil }.map(described))
        #expect(found.map(\.time) == found.map(\.time).sorted())
        // The settings of the first run, and of the second from where it goes on.
        let settings = found.filter { $0.text != nil }
        #expect(
            settings.map(\.step) == [0, 3] && settings.map { $0.text?.contains("| epochs | 4 |") } == [false, true])
        // Another run in the same directory takes the place of all that is shown, and without histograms has none.
        try trainer(every: nil).fit(loader, epochs: 1)
        let last = try shown()
        #expect(files.count == 3 && last.allSatisfy { $0.step <= 1 && $0.histogram == nil } && last.count < 8)
        #expect(last.count { $0.text != nil } == 1)
    }

    /// As Keras's programs do: each `fit` has callbacks of its own.
    @Test func aSecondFitKeepsWhatTheFirstWrote() throws {
        let model = KerasModel([Flatten(), Linear(16, 3, generator: Generator(seed: 1))])
        model.compile(optimizer: .sgd(0.05), loss: .sparseCategoricalCrossentropy(fromLogits: true))
        try model.fit(loader, epochs: 2, callbacks: [log()])
        let before = try shown()
        try model.fit(loader, epochs: 2, callbacks: [log()])
        let found = try shown()
        #expect(found.prefix(before.count).map(described) == before.map(described))
        #expect(found.filter { $0.tag == "weights/1.weight" }.map(\.step) == [1, 2, 3, 4])
        #expect(found.filter { $0.tag == "loss" }.map(\.step) == [1, 2, 3, 4])
        // In another directory there is nothing yet: there, what the history knows is written.
        let other = directory.path("other")
        try model.fit(loader, epochs: 1, callbacks: [TensorBoardLog(other)])
        let late = try EventFile.events(try #require(directory.files(in: "other").first))
        #expect(late.filter { $0.tag == "loss" }.map(\.step) == [1, 2, 3, 4, 5])
    }

    @Test func settingsAreWrittenAgainWhereTheyChange() throws {
        let trainer = trainer()
        try trainer.fit(loader, epochs: 1)
        try trainer.fit(loader, epochs: 1)
        #expect(try shown().filter { $0.text != nil }.map(\.step) == [0])
        trainer.optimizer.learningRate = 0.025
        try trainer.fit(loader, epochs: 2)
        let settings = try shown().filter { $0.text != nil }
        #expect(settings.map(\.step) == [0, 2] && files.count == 1)
        #expect(settings.map { $0.text?.contains("sgd, lr 0.025") } == [false, true])
    }

    @Test func eachOfTwoRunsHasAFileOfItsOwn() throws {
        let second = trainer()
        // Trains within the other's epochs.
        let first = trainer([LambdaCallback { _, epoch in try second.fit(loader, epochs: epoch.number) }])
        try first.fit(loader, epochs: 3)
        #expect(files.count == 2)
        for file in files {
            #expect(try EventFile.events(file).filter { $0.tag == "loss" }.map(\.step) == [1, 2, 3])
        }
    }

    /// A file whose run ended when clocks were ahead is read before those of later runs all the same.
    @Test func filesAreInTheOrderOfTheirRuns() throws {
        try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
        directory.write([], to: "run/events.out.tfevents.9876543210.host.1.0")
        for _ in 0..<3 { try trainer(every: nil).fit(loader) }
        #expect(files.count == 4 && files[0].hasSuffix("9876543210.host.1.0"))
        let times = try files.dropFirst().map { try #require(try EventFile.events($0).first).time }
        #expect(times == times.sorted() && Set(times).count == 3)
    }

    @Test func aFileThatIsTakenAwayIsBegunAnew() throws {
        let said = Lock<[String]>([])
        let log = log()
        log.say = { line in said.withLock { $0.append(line) } }
        let model = KerasModel([Flatten(), Linear(16, 3, generator: Generator(seed: 1))])
        model.compile(optimizer: .sgd(0.05), loss: .sparseCategoricalCrossentropy(fromLogits: true))
        let run = run
        let thief = LambdaCallback(stepEnd: { trainer in
            if trainer.position.epoch > 0 { try? FileManager.default.removeItem(atPath: run) }
        })
        let history = try model.fit(loader, epochs: 4, callbacks: [log, thief])
        #expect(history.epochs.count == 4 && files.count == 1)
        let found = try shown()
        // Numbers are the history's; histograms and pictures of earlier epochs are gone with their files.
        #expect(found.filter { $0.tag == "loss" }.map(\.scalar) == history["loss"].map { Float($0) })
        #expect(found.filter { $0.tag == "weights/1.weight" }.map(\.step) == [4])
        let lines = said.withLock { $0 }
        #expect(lines.count == 1 && lines[0].contains("events.out.tfevents.") && lines[0].contains("was removed"))
    }

    /// Noise in evaluation too, of the current generator.
    private final class Noise: UnaryLayer {
        func callAsFunction(_ input: Tensor) -> Tensor { input + Tensor.normal(input.shape) * 0.1 }
    }

    @Test func picturesChangeNoNumber() throws {
        func losses(_ callbacks: [any TrainingCallback]) throws -> [Double] {
            let generator = Generator(seed: 1)
            let model = Sequential([Flatten(), Noise(), Linear(16, 3, generator: generator)])
            let trainer = Trainer(
                model: model, optimizer: SGD(model.parameters, learningRate: 0.05), loss: { crossEntropy($0, $1) },
                callbacks: callbacks, generator: generator)
            let first = try trainer.fit(loader, epochs: 2)["loss"]
            return try first + trainer.fit(loader, epochs: 3)["loss"]
        }
        let plain = try losses([])
        #expect(try losses([log()]) == plain)
        let report = RunReport(
            directory.path("report.html"), test: DataLoader(TensorBoardTests.pictures, batchSize: 20))
        #expect(try losses([report]) == plain)
    }

    /// A metric that has no number, with a sign.
    private final class Nothing: Metric {
        let name = "nothing"
        func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {}
        func value() throws(TensorError) -> Double? { -Double.nan }
        func reset() {}
        func state() throws(TensorError) -> MetricState { MetricState() }
        func restore(_ state: MetricState) throws(TensorError) {}
    }

    /// So that a run that is resumed from text, which has no bits of it, finds the point that is there.
    @Test func everyNaNIsTheSame() throws {
        let model = SmallData.model(Generator(seed: 1), dropout: 0)
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.05), loss: { crossEntropy($0, $1) },
            metrics: [Nothing()], callbacks: [TensorBoardLog(run)])
        try trainer.fit(SmallData.loader(), epochs: 1)
        let points = try shown().filter { $0.tag == "nothing" }
        #expect(points.map { $0.scalar?.bitPattern } == [Float.nan.bitPattern])
    }

    @Test func whatIsNoPictureIsLeftOut() throws {
        let log = TensorBoardLog(run, predictions: SmallData.validation)
        try SmallData.trainer(callbacks: [log]).fit(SmallData.loader(), epochs: 1)
        #expect(try shown().allSatisfy { $0.image == nil })
        #expect(throws: TensorError.self) { try checked { TensorBoardLog("a", histogramsEvery: 0) } }
        // A place that is no directory is found out before training.
        directory.write([1], to: "file")
        let error = #expect(throws: TensorError.self) {
            try SmallData.trainer(callbacks: [TensorBoardLog(directory.path("file"))]).fit(SmallData.loader())
        }
        #expect(error?.kind == .file && error?.message.contains("cannot be made") == true)
    }
}
