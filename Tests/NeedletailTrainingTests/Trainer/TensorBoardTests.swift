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

    /// An event, read by the numbers of its fields.
    private struct Event {
        var time = 0.0
        var step = 0
        var version: String?
        var tag: String?
        var scalar: Float?
        var image: (width: Int, height: Int, png: [UInt8])?
        var histogram: [Int: [Double]]?
        var text: String?
    }

    private enum Field {
        case integer(Int)
        case bytes([UInt8])

        var bytes: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }
        var integer: Int { if case .integer(let value) = self { value } else { 0 } }
        var doubles: [Double] {
            stride(from: 0, to: bytes.count, by: 8).map { start in
                Double(bitPattern: bytes[start..<(start + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
            }
        }
    }

    /// The fields of a message: varints, and bytes of the others.
    private func fields(_ message: [UInt8]) throws -> [(number: Int, value: Field)] {
        var result: [(Int, Field)] = []
        var place = 0
        func varint() throws -> Int {
            var (value, shift) = (0, 0)
            while true {
                try #require(place < message.count && shift < 63)
                defer { place += 1 }
                value |= Int(message[place] & 127) << shift
                shift += 7
                if message[place] < 128 { return value }
            }
        }
        func take(_ count: Int) throws -> [UInt8] {
            try #require(count >= 0 && place + count <= message.count)
            defer { place += count }
            return Array(message[place..<(place + count)])
        }
        while place < message.count {
            let key = try varint()
            switch key & 7 {
            case 0: result.append((key >> 3, .integer(try varint())))
            case 1: result.append((key >> 3, .bytes(try take(8))))
            case 2: result.append((key >> 3, .bytes(try take(try varint()))))
            case 5: result.append((key >> 3, .bytes(try take(4))))
            default: Issue.record("wire type \(key & 7)")
            }
        }
        return result
    }

    private func field(_ number: Int, of message: [UInt8]) throws -> Field? {
        try fields(message).first { $0.number == number }?.value
    }

    private func event(_ bytes: [UInt8]) throws -> Event {
        var event = Event()
        for (number, value) in try fields(bytes) {
            switch number {
            case 1: event.time = value.doubles[0]
            case 2: event.step = value.integer
            case 3: event.version = String(decoding: value.bytes, as: UTF8.self)
            case 5:
                let parts = try fields(try #require(try field(1, of: value.bytes)).bytes)
                for (number, part) in parts {
                    switch number {
                    case 1: event.tag = String(decoding: part.bytes, as: UTF8.self)
                    case 2: event.scalar = Float(bitPattern: part.bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
                    case 4:
                        let picture = Dictionary(
                            uniqueKeysWithValues: try fields(part.bytes).map { ($0.number, $0.value) })
                        #expect(picture[3]?.integer == 3)
                        event.image = (
                            picture[2]?.integer ?? 0, picture[1]?.integer ?? 0, picture[4]?.bytes ?? []
                        )
                    case 5:
                        event.histogram = Dictionary(
                            uniqueKeysWithValues: try fields(part.bytes).map { ($0.number, $0.value.doubles) })
                    case 8:
                        #expect(try field(1, of: part.bytes)?.integer == 7)
                        event.text = String(decoding: try field(8, of: part.bytes)?.bytes ?? [], as: UTF8.self)
                    case 9:
                        let plugIn = try field(1, of: try field(1, of: part.bytes)?.bytes ?? [])
                        #expect(plugIn?.bytes == Array("text".utf8))
                    default: Issue.record("field \(number) of a value")
                    }
                }
            default: Issue.record("field \(number) of an event")
            }
        }
        return event
    }

    /// The events of a file, which holds whole records alone.
    private func events(_ path: String) throws -> [Event] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var result: [Event] = []
        var place = 0
        while place < bytes.count {
            let length = bytes[place..<(place + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
            try #require(place + 16 + length <= bytes.count)
            let record = Array(bytes[(place + 12)..<(place + 12 + length)])
            #expect(TensorBoardEvents.record(record) == Array(bytes[place..<(place + 16 + length)]))
            result.append(try event(record))
            place += 16 + length
        }
        return result
    }

    private let directory = TemporaryDirectory()
    private var path: String { directory.path("run/events.out.tfevents.0.needletail") }

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
        let log = TensorBoardLog(
            directory.path("run"), histogramsEvery: every,
            predictions: DataLoader(TensorBoardTests.pictures, batchSize: 20), classes: ["a", "b", "c"])
        return Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.05), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: [log] + more, generator: generator)
    }

    private var loader: DataLoader { DataLoader(TensorBoardTests.pictures, batchSize: 8, shuffle: true, seed: 2) }

    @Test func aRunsFileHasItsNumbersDistributionsPicturesAndSettings() throws {
        var weights: [[Float]] = []
        let hook = LambdaCallback(epochEnd: { trainer, _ in
            weights.append(try trainer.model.parameters[0].value.scalars(as: Float.self))
        })
        let trainer = trainer([hook])
        try trainer.fit(loader, epochs: 2)
        let found = try events(path)
        #expect(found[0].version == "brain.Event:2" && found.dropFirst().allSatisfy { $0.version == nil })
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

    /// What an earlier run wrote behind its last checkpoint is done again; a torn record is cut off.
    @Test func aResumedRunsFileHasEachEpochOnce() throws {
        let whole = trainer()
        try whole.fit(loader, epochs: 4)
        let wanted = try events(path)
        var saved: Checkpoint?
        let saver = LambdaCallback(epochEnd: { trainer, epoch in
            if epoch.number == 2 { saved = try Checkpoint(of: trainer, model: "a") }
        })
        let other = directory.path("other")
        try FileManager.default.moveItem(atPath: directory.path("run"), toPath: other)
        try trainer([saver]).fit(loader, epochs: 3)
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(TensorBoardEvents.record([9, 9, 9]).prefix(13)))
        try file.close()
        let second = trainer()
        try #require(saved).restore(second)
        try second.fit(loader, epochs: 4)
        let found = try events(path)
        func described(_ events: [Event]) -> [String] {
            events.map { event in
                var timeless = event
                timeless.time = 0
                // Of two runs of other lengths.
                if timeless.text != nil { timeless.text = "" }
                return "\(timeless.step) \(timeless.tag ?? "") \(timeless.scalar ?? 0) "
                    + "\((timeless.histogram ?? [:]).sorted { $0.key < $1.key }) \(timeless.image?.png ?? [])"
            }
        }
        #expect(described(found) == described(wanted))
        #expect(found.map(\.time) == found.map(\.time).sorted())
        // Another run in the same directory begins anew, and without histograms has none.
        try trainer(every: nil).fit(loader, epochs: 1)
        let last = try events(path)
        #expect(last.allSatisfy { $0.step <= 1 && $0.histogram == nil } && last.count < 8)
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
            metrics: [Nothing()], callbacks: [TensorBoardLog(directory.path("run"))])
        try trainer.fit(SmallData.loader(), epochs: 1)
        let points = try events(path).filter { $0.tag == "nothing" }
        #expect(points.map { $0.scalar?.bitPattern } == [Float.nan.bitPattern])
    }

    @Test func whatIsNoPictureIsLeftOut() throws {
        let log = TensorBoardLog(directory.path("run"), predictions: SmallData.validation)
        try SmallData.trainer(callbacks: [log]).fit(SmallData.loader(), epochs: 1)
        #expect(try events(path).allSatisfy { $0.image == nil })
        #expect(throws: TensorError.self) { try checked { TensorBoardLog("a", histogramsEvery: 0) } }
        // A file that is taken away is missed.
        let path = path
        let thief = LambdaCallback(stepEnd: { _ in try? FileManager.default.removeItem(atPath: path) })
        let robbed = SmallData.trainer(callbacks: [TensorBoardLog(directory.path("run")), thief])
        let error = #expect(throws: TensorError.self) { try robbed.fit(SmallData.loader(), epochs: 1) }
        #expect(error?.kind == .file && error?.message.contains("events.out.tfevents") == true)
    }
}
