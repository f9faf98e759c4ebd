import Needletail
import NeedletailTraining
import NeedletailVision
import TensorGraph
import TensorRuntime
import Testing

@Suite("Transforms of pictures on a device")
struct ImageTransformTests {
    /// A transform of Golden/make_golden_transforms.py, drawn under key 11.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let transform: any ImageTransform
        var tolerance = 0.0

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "crop", transform: RandomCrop(height: 5, width: 6)),
        Case(name: "crop_padded", transform: RandomCrop(height: 7, width: 9, padding: 2, fill: 0.25)),
        Case(name: "shift", transform: RandomShift(3, fill: 0.5)),
        Case(name: "horizontal", transform: RandomHorizontalFlip()),
        Case(name: "vertical", transform: RandomVerticalFlip(probability: 0.7)),
        Case(
            name: "erase",
            transform: RandomErasing(probability: 0.8, scale: 0.1...0.5, ratio: 0.3...3.3, value: 0.75)),
        Case(
            name: "affine",
            transform: RandomAffine(degrees: 40, translate: (0.2, 0.3), scale: 0.7...1.4, shear: (20, 10)),
            tolerance: 2e-5),
        Case(
            name: "affine_filled",
            transform: RandomAffine(
                degrees: 25, translate: (0.1, 0.1), scale: 0.8...1.2, shear: (10, 5), fill: 0.4), tolerance: 2e-5),
        Case(name: "rotate", transform: RandomRotation(60), tolerance: 2e-5),
        Case(name: "jitter", transform: ColorJitter(brightness: 0.6, contrast: 0.8), tolerance: 2e-6),
        Case(
            name: "normalize", transform: Normalize(mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3]), tolerance: 2e-6),
    ]

    @Test("transforms do what numpy does with the same random numbers", arguments: ImageTransformTests.cases)
    func transformsAsNumpy(_ example: Case) throws {
        let golden = try TrainingGolden("transforms")
        let images = try golden.tensor("images")
        let found = example.transform(images, generator: Generator(seed: 11))
        let expected = try golden.tensor(example.name)
        #expect(found.shape == expected.shape && found.dtype == .float32)
        let difference = try (found - expected).abs().max().item()
        #expect(difference <= example.tolerance, "\(difference)")
        // It is a change at all.
        if found.shape == images.shape { #expect(try (found - images).abs().max().item() > 0.05) }
    }

    @Test("bytes stay bytes where pixels only move")
    func keepsBytes() throws {
        let golden = try TrainingGolden("transforms")
        let floats = try golden.tensor("images")
        let bytes = (floats * 255.0).round().to(.uint8)
        for example in ImageTransformTests.cases where ["crop", "horizontal", "vertical"].contains(example.name) {
            let moved = example.transform(bytes, generator: Generator(seed: 11))
            #expect(moved.dtype == .uint8)
            let expected = (try golden.tensor(example.name) * 255.0).round()
            #expect(try (moved.to(.float32) - expected).abs().max().item() == 0, "\(example.name)")
        }
        let scaled = ToDType()(bytes, generator: Generator(seed: 0))
        #expect(try (scaled - floats).abs().max().item() < 1e-6)
        #expect(ToDType(.float16)(bytes, generator: Generator(seed: 0)).dtype == .float16)
        let cast = ToDType(.float32, scale: false)(bytes, generator: Generator(seed: 0))
        #expect(try cast.max().item() > 200)
    }

    @Test("a loader's transforms are a function of seed, epoch and batch, and joined by Compose")
    func areDeterministic() throws {
        let pixels = (0..<(20 * 64)).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let data = DeviceDataset(features: pixels, shape: [1, 8, 8], labels: (0..<20).map { UInt8($0 % 4) })
        let augment = Compose(
            RandomCrop(8, padding: 2), RandomHorizontalFlip(), RandomRotation(15), Normalize(mean: [0.5], std: [0.25]))
        func epoch(_ number: Int, from first: Int = 0, seed: UInt64 = 3) throws -> [[Float]] {
            try DataLoader(data, batchSize: 6, shuffle: true, seed: seed, batchTransform: augment)
                .epoch(number, from: first).map { try $0.features.scalars() }
        }
        let whole = try epoch(1)
        #expect(whole.count == 4 && whole[3].count == 2 * 64)
        #expect(try epoch(1, from: 2) == Array(whole[2...]))
        #expect(try epoch(2) != whole)
        #expect(try epoch(1, seed: 4) != whole)
    }

    @Test("an augmented step trains, and all of its batches share a plan")
    func sharesPlans() throws {
        let device = try deviceContext().device
        let context = try DeviceContext(device: device)
        try withDeviceContext(context) { () throws(any Error) in
            let pixels = (0..<(32 * 64)).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let data = DeviceDataset(features: pixels, shape: [1, 8, 8], labels: (0..<32).map { UInt8($0 % 4) })
            let augment = Compose(
                RandomCrop(8, padding: 2), RandomHorizontalFlip(), MixUp(classes: 4, alpha: 0.4),
                RandomErasing(probability: 0.5))
            let loader = DataLoader(data, batchSize: 8, shuffle: true, batchTransform: augment)
            let model = Sequential {
                Flatten()
                Linear(64, 4)
            }
            let optimizer = SGD(model.parameters, learningRate: 0.01)
            func epoch(_ number: Int) throws {
                for batch in loader.epoch(number) {
                    optimizer.zeroGrad()
                    crossEntropy(model(batch.features), batch.labels).backward()
                    try optimizer.step()
                }
                try context.flushAll()
            }
            try epoch(0)
            let before = context.statistics
            try epoch(1)
            #expect((context.statistics - before).plansBuilt == 0)
        }
    }

    @Test("wrong calls are said")
    func wrongCalls() {
        let generator = Generator(seed: 0)
        let flat = Tensor.zeros([2, 3])
        let bytes = Tensor.zeros([2, 3, 4, 4], dtype: .uint8)
        expectDataError(.invalidArgument, "RandomHorizontalFlip: features float32[2, 3]") {
            _ = RandomHorizontalFlip()(flat, generator: generator)
        }
        expectDataError(.invalidArgument, "RandomRotation: features uint8[2, 3, 4, 4]", "ToDType") {
            _ = RandomRotation(3)(bytes, generator: generator)
        }
        expectDataError(.invalidArgument, "RandomCrop: 5 x 5 of pictures 4 x 4") {
            _ = RandomCrop(5)(bytes, generator: generator)
        }
        expectDataError(.invalidArgument, "a probability of 1.5") { _ = RandomVerticalFlip(probability: 1.5) }
        expectDataError(.invalidArgument, "Normalize: 2 channels of pictures [2, 3, 4, 4]") {
            _ = Normalize(mean: [1, 2], std: [1, 2])(bytes.to(.float32), generator: generator)
        }
        expectDataError(.invalidArgument, "Normalize: mean [1.0], std [0.0]") { _ = Normalize(mean: [1], std: [0]) }
        expectDataError(.invalidArgument, "RandomErasing: a share of") { _ = RandomErasing(scale: 0.5...2) }
        expectDataError(.invalidArgument, "RandomAffine: degrees -1.0") { _ = RandomAffine(degrees: -1) }
        expectDataError(.invalidArgument, "ColorJitter: 2 channels") {
            _ = ColorJitter(brightness: 1)(Tensor.zeros([1, 2, 3, 3]), generator: generator)
        }
        expectDataError(.invalidArgument, "MixUp: alpha 0.0") { _ = MixUp(classes: 3, alpha: 0) }
        expectDataError(.invalidArgument, "MixUp: features uint8") {
            _ = MixUp(classes: 3)(Batch([bytes, Tensor.zeros([2], dtype: .int64)], count: 2), generator: generator)
        }
    }
}

@Suite("Mixed pictures")
struct MixedPictureTests {
    private let images = Tensor((0..<(4 * 2 * 6 * 5)).map { Float($0) }, shape: [4, 2, 6, 5])
    private let labels = Tensor([Int64(2), 0, 1, 1], shape: [4])

    @Test("mix-up adds the example before by the share that the labels say")
    func mixesUp() throws {
        var shares = Set<Double>()
        for seed in 0..<8 {
            let batch = MixUp(classes: 3, alpha: 0.6)(
                Batch([images, labels], count: 4), generator: Generator(seed: UInt64(seed)))
            // Row 0 is of class 2, the one before it (the last) of class 1.
            let row = try batch.labels.slice(axis: 0, from: 0, to: 1).scalars(as: Double.self)
            #expect(abs(row[1] + row[2] - 1) < 1e-6 && row[0] == 0)
            let share = row[2]
            shares.insert(share)
            let expected = images * share + images.roll(1, axis: 0) * (1 - share)
            #expect(try (batch.features - expected).abs().max().item() < 1e-3)
            // Two examples of one class keep it whole.
            #expect(try batch.labels.slice(axis: 0, from: 3, to: 4).scalars(as: Float.self)[1] == 1)
        }
        #expect(shares.count == 8)
    }

    @Test("cut-mix puts a rectangle of the example before in, and mixes classes by its area")
    func cutsAndMixes() throws {
        var areas = Set<Int>()
        for seed in 0..<12 {
            let batch = CutMix(classes: 3)(Batch([images, labels], count: 4), generator: Generator(seed: UInt64(seed)))
            let found: [Float] = try batch.features.scalars()
            let before: [Float] = try images.roll(1, axis: 0).scalars()
            let own: [Float] = try images.scalars()
            // Every value is one of the two, and all planes agree which.
            let taken = (0..<30).filter { found[$0] != own[$0] }
            for place in 0..<240 {
                #expect(found[place] == (taken.contains(place % 30) ? before[place] : own[place]))
            }
            let rows = Set(taken.map { $0 / 5 })
            let columns = Set(taken.map { $0 % 5 })
            #expect(taken.count == rows.count * columns.count, "no rectangle")
            let share = try batch.labels.scalars(as: Double.self)[2]
            #expect(abs(share - (1 - Double(taken.count) / 30)) < 1e-6)
            areas.insert(taken.count)
        }
        #expect(areas.count > 4)
    }

    @Test("shares follow the Beta distribution")
    func drawsBeta() {
        // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)); 20,000 draws, 4 sigma.
        for alpha in [0.2, 1.0, 4.0] {
            var random = SeededRandom(9)
            let numbers = (0..<20_000).map { _ in random.beta(alpha) }
            #expect(numbers.allSatisfy { (0...1).contains($0) })
            let mean = numbers.reduce(0, +) / 20_000
            let variance = numbers.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 20_000
            let expected = 1 / (4 * (2 * alpha + 1))
            #expect(abs(mean - 0.5) < 4 * (expected / 20_000).squareRoot())
            #expect(abs(variance / expected - 1) < 0.04)
        }
        var tiny = SeededRandom(1)
        #expect((0..<200).allSatisfy { _ in (0...1).contains(tiny.beta(1e-4)) })
    }

    @Test("classes become numbers")
    func oneHot() throws {
        let batch = OneHot(3)(Batch([images, labels], count: 4), generator: Generator(seed: 0))
        #expect(try batch.labels.scalars(as: Float.self) == [0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0])
    }
}
