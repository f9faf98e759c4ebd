import Needletail
import NeedletailTraining
import Testing

@Suite("Datasets and metrics")
struct DatasetTests {
    /// 10 examples of 3 bytes: example i is 3i, 3i + 1, 3i + 2, of class 9 - i.
    private func sample() -> DeviceDataset {
        DeviceDataset(
            features: (0..<30).map { UInt8($0) }, shape: [3], labels: (0..<10).map { UInt8(9 - $0) }, scale: 0.5)
    }

    @Test("batches are cast and scaled, and the last one is smaller")
    func cutsBatches() throws {
        let batches = sample().batches(of: 4)
        #expect(batches.map(\.count) == [4, 4, 2])
        #expect(sample().batches(of: 4, dropsLast: true).count == 2)
        let last = batches[2]
        #expect(last.features.dtype == .float32 && last.labels.dtype == .int64)
        #expect(try last.features.scalars(as: Float.self) == [12, 12.5, 13, 13.5, 14, 14.5])
        #expect(try last.labels.scalars(as: Int.self) == [1, 0])
    }

    @Test("a shuffled epoch has every example once, with its label, in an order that the seed decides")
    func shufflesBatches() throws {
        func epoch(_ seed: UInt64) throws -> [Int] {
            var order: [Int] = []
            for batch in sample().batches(of: 4, shuffledBy: Generator(seed: seed)) {
                let features = try batch.features.scalars(as: Float.self)
                let labels = try batch.labels.scalars(as: Int.self)
                for (row, label) in labels.enumerated() {
                    let example = Int(features[3 * row] / 1.5)
                    #expect(features[3 * row + 2] == Float(3 * example + 2) / 2)
                    #expect(label == 9 - example)
                    order.append(example)
                }
            }
            return order
        }
        let first = try epoch(1)
        #expect(first.sorted() == Array(0..<10))
        #expect(try epoch(1) == first)
        #expect(try epoch(2) != first)
        #expect(first != Array(0..<10))
    }

    @Test("all batches of a size share a plan")
    func sharesPlans() throws {
        try withOwnDevice { context in
            let dataset = TrainingSample.dataset(count: 400)
            let batches = dataset.batches(of: 16, shuffledBy: Generator(seed: 4))
            try context.flushAll()
            let before = context.statistics
            for batch in batches { _ = try batch.features.sum().item() }
            #expect((context.statistics - before).plansBuilt == 1)
        }
    }

    @Test("metrics weigh batches by their size and start anew after a reset")
    func averages() throws {
        let mean = MeanMetric()
        #expect(try mean.value() == nil)
        mean.update(Tensor(Float(2)), count: 3)
        mean.update(Tensor(Float(6)), count: 1)
        #expect(try mean.value() == 3)
        mean.reset()
        #expect(try mean.value() == nil)
        let accuracy = Accuracy()
        let logits = Tensor([Float(1), 2, 0, 5, 1, 1], shape: [2, 3])
        accuracy.update(logits, Tensor([Int64(1), 2], shape: [2]))
        accuracy.update(logits, Tensor([UInt8(1), 0], shape: [2]))
        #expect(try accuracy.value() == 0.75)
    }
}
