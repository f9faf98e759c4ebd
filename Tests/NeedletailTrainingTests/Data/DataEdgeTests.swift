import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import Testing

/// Data at the edges of what is allowed.
@Suite struct DataEdgeTests {
    @Test func sharesThatSumToOneButForRoundingSplitAllExamples() {
        let many = CountedDataset(1_111_112)
        #expect(randomSplit(many, fractions: [1, 9e-7]).map(\.count).reduce(0, +) == many.count)
        let labels = [Int](repeating: 0, count: 250_000)
        let parts = stratifiedSplit(CountedDataset(labels.count), labels: labels, fractions: [0.5, 0.4999992])
        #expect(parts.map(\.count).reduce(0, +) == labels.count)
        #expect(
            stratifiedSplit(CountedDataset(labels.count), labels: labels, fractions: [1, 9e-7]).map(\.count)
                .reduce(0, +) == labels.count)
    }

    @Test func weightsOfImpossibleClassesAreSaid() {
        for (labels, classes) in [([-2], nil), ([0], -1), ([], -1), ([Int.max], nil)] as [([Int], Int?)] {
            #expect(throws: TensorError.self) { try checked { classWeights(labels, classes: classes) } }
        }
    }

    @Test func numbersThatOverflowAreSaidByColumn() throws {
        for text in ["x,y\n1e308,0.5\n1e308,1.5\n", "x,y\n1e200,0.5\n-1e200,1.5\n"] {
            let table = try CSVTable(text: text)
            let error = #expect(throws: TensorError.self) { try TableEncoder(fitting: table, target: "y") }
            #expect(error?.message.contains("'x'") == true && error?.kind == .data)
            #expect(throws: TensorError.self) {
                try TableEncoder(fitting: table, target: "x", features: ["y"], standardizeTarget: true)
            }
        }
    }

    @Test func aFillThatIsNoIntegerIsRefusedByPicturesOfIntegers() throws {
        let pictures = Tensor.full([1, 3, 4, 4], 7, dtype: .uint8)
        let generator = Generator(seed: 1)
        let transforms: [any ImageTransform] = [
            RandomCrop(height: 4, width: 4, padding: 2, fill: .nan), RandomShift(1, fill: .infinity),
            RandomErasing(probability: 1, value: .nan),
        ]
        for transform in transforms {
            #expect(throws: TensorError.self) { try checked { transform(pictures, generator: generator) } }
        }
    }

    @Test func oneMeanAndOneForEachChannelAreTheSame() throws {
        let pictures = Tensor((0..<12).map { Double($0) / 7 }, shape: [1, 3, 2, 2])
        let generator = Generator(seed: 1)
        let one = Normalize(mean: [0.1], std: [0.3])(pictures, generator: generator)
        let three = Normalize(mean: [0.1, 0.1, 0.1], std: [0.3, 0.3, 0.3])(pictures, generator: generator)
        #expect(one.dtype == .float64)
        #expect(try one.scalars(as: Double.self) == three.scalars(as: Double.self))
    }

    @Test func aLoaderWithASamplerAndShuffleKeepsTheSamplersOrder() throws {
        #expect(throws: TensorError.self) {
            try checked {
                for batch in DataLoader(
                    CountedDataset(10), batchSize: 4, shuffle: true, sampler: RandomSampler(count: 20)
                ).epoch(0) { _ = batch.count }
            }
        }
    }

    /// As Pillow and torchvision, whatever a chunk says of how they are to be seen.
    @Test func storedNumbersOfAPictureStayWhatTheyAre() throws {
        let golden = try TrainingGolden("images")
        let scratch = ScratchDirectory()
        var file = try golden.array("png_gray/file").bytes
        // gAMA, 1.0, behind the header.
        file.insert(contentsOf: [0, 0, 0, 4, 0x67, 0x41, 0x4D, 0x41, 0, 1, 0x86, 0xA0, 0x31, 0xE8, 0x96, 0x5F], at: 33)
        let read = try ImageFile.read(scratch.write(file, to: "gamma.png"), channels: .gray)
        let wanted = try ImageFile.read(
            scratch.write(try golden.array("png_gray/file").bytes, to: "plain.png"), channels: .gray)
        #expect(read == wanted)
    }
}
