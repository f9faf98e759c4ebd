import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("Data loaders")
struct DataLoaderTests {
    /// 10 rows that begin with their number, and their classes.
    private func resident(dtype: DType = .float32) -> TensorDataset {
        let numbers = (0..<20).map { Float($0 / 2) }
        return TensorDataset(
            Tensor(numbers, shape: [10, 2]).to(dtype), Tensor((0..<10).map { Int64($0 % 3) }, shape: [10]))
    }

    @Test("batches of the host are the same for any number of workers", arguments: [0, 1, 3])
    func doesNotDependOnWorkers(workers: Int) throws {
        let loader = DataLoader(CountedDataset(23), batchSize: 4, shuffle: true, seed: 5, workers: workers)
        let reference = DataLoader(
            TensorDataset(Tensor((0..<23).map { Float($0) }, shape: [23, 1])), batchSize: 4,
            shuffle: true, seed: 5)
        #expect(loader.count == 6 && loader.exampleCount == 23)
        for epoch in 0..<2 {
            let numbers = try exampleNumbers(loader.epoch(epoch))
            #expect(try numbers == exampleNumbers(reference.epoch(epoch)))
            #expect(numbers.map(\.count) == [4, 4, 4, 4, 4, 3])
        }
        // What the transform draws is a function of seed, epoch and place.
        let serial = DataLoader(
            CountedDataset(23), batchSize: 4, shuffle: true, seed: 5, workers: 0,
            exampleTransform: loaderNoise)
        let again = DataLoader(
            CountedDataset(23), batchSize: 4, shuffle: true, seed: 5, workers: workers,
            exampleTransform: loaderNoise)
        for (one, other) in zip(serial.epoch(3), again.epoch(3)) {
            #expect(try one.features.bytes() == other.features.bytes())
            #expect(try one.labels.scalars(as: Int.self) == other.labels.scalars(as: Int.self))
        }
    }

    @Test("an epoch from its middle has the rest of the batches and makes none before", arguments: [0, 2])
    func startsInTheMiddle(workers: Int) throws {
        let dataset = CountedDataset(20)
        let loader = DataLoader(dataset, batchSize: 3, shuffle: true, seed: 2, workers: workers)
        let whole = try exampleNumbers(loader.epoch(4))
        let before = dataset.asked.count
        let rest = try exampleNumbers(loader.epoch(4, from: 5))
        #expect(rest == Array(whole[5...]))
        #expect(dataset.asked[before...].sorted() == rest.flatMap { $0 }.sorted())
        #expect(Array(loader.epoch(4, from: 7)).isEmpty && Array(loader.epoch(4, from: 70)).isEmpty)
    }

    @Test("epochs have orders of their own, seeds too, and unshuffled ones the dataset's")
    func orders() throws {
        let loader = DataLoader(CountedDataset(30), batchSize: 30, shuffle: true, seed: 1)
        let first = try exampleNumbers(loader.epoch(0))
        #expect(first[0].sorted() == Array(0..<30))
        #expect(try exampleNumbers(loader.epoch(0)) == first)
        #expect(try exampleNumbers(loader.epoch(1)) != first)
        #expect(try exampleNumbers(loader.epoch(-1)).count == 1)
        let other = DataLoader(CountedDataset(30), batchSize: 30, shuffle: true, seed: 2)
        #expect(try exampleNumbers(other.epoch(0)) != first)
        let plain = DataLoader(CountedDataset(5), batchSize: 2, dropLast: true)
        #expect(try exampleNumbers(plain.epoch(9)) == [[0, 1], [2, 3]])
        #expect(plain.count == 2)
    }

    @Test("tensors of any dtype stay on their device, subsets of them too")
    func gathersOnTheDevice() throws {
        for dtype in [DType.uint8, .float16, .float64, .int32] {
            let batch = Array(DataLoader(resident(dtype: dtype), batchSize: 4).epoch(0))[2]
            #expect(batch.features.dtype == dtype && batch.features.shape == [2, 2])
            #expect(try batch.features.scalars(as: Float.self) == [8, 8, 9, 9])
        }
        let subset = Subset(Subset(resident(), [9, 7, 5, 3, 1]), [4, 0, 0])
        #expect(subset.base is TensorDataset && subset.indices == [1, 9, 9])
        let loader = DataLoader(subset, batchSize: 2)
        #expect(try exampleNumbers(loader.epoch(0)) == [[1, 9], [9]])
        #expect(loader.statistics == DataLoader(subset, batchSize: 2).statistics.with(batches: 2))
        #expect(try subset.example(at: 1) == Example(HostArray([Float(9), 9]), HostArray(Int64(0))))
        // A transform of examples reads them back.
        let onHost = DataLoader(subset, batchSize: 2, exampleTransform: { example, _ in example })
        #expect(try exampleNumbers(onHost.epoch(0)) == [[1, 9], [9]])
        let both = ConcatDataset(subset, CountedDataset(0), CountedDataset(2))
        #expect(try exampleNumbers(DataLoader(both, batchSize: 5).epoch(0)) == [[1, 9, 9, 0, 1]])
    }

    @Test("a broken example is thrown by what reads the batch, by the training step too", arguments: [0, 2])
    func carriesErrors(workers: Int) throws {
        let loader = DataLoader(CountedDataset(12, broken: 5), batchSize: 4, workers: workers)
        let model = Sequential { Linear(2, 3) }
        let optimizer = SGD(model.parameters, learningRate: 0.01)
        var steps = 0
        expectDataError(.file, "batch 1: example 5: /data/5.png: is broken") {
            for batch in loader.epoch(0) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
                steps += 1
            }
        }
        #expect(steps == 1)
        // From the first batch on, with no batch before.
        expectDataError(.file, "batch 0: example 0") {
            for batch in DataLoader(CountedDataset(3, broken: 0), batchSize: 3, workers: workers).epoch(0) {
                _ = try crossEntropy(model(batch.features), batch.labels).item()
            }
        }
    }

    @Test("examples of several shapes are refused by number, and joined by a function of one's own")
    func collates() throws {
        struct Ragged: Dataset {
            let count = 3
            func example(at index: Int) -> Example {
                Example(HostArray(Array(repeating: Float(index), count: index + 1)), HostArray(Int64(index)))
            }
        }
        expectDataError(.data, "example 0 has float32[1], int64[], example 1 float32[2], int64[]", "collate") {
            for batch in DataLoader(Ragged(), batchSize: 2).epoch(0) { _ = try batch.features.bytes() }
        }
        let padded = DataLoader(
            Ragged(), batchSize: 3,
            collate: { examples in
                let rows = examples.flatMap { example -> [Float] in
                    let row: [Float] = example.arrays[0].scalars()
                    return row + Array(repeating: -1, count: 3 - row.count)
                }
                return [HostArray(rows, shape: [examples.count, 3])]
            })
        for batch in padded.epoch(0) {
            #expect(try batch.features.scalars(as: Float.self) == [0, -1, -1, 1, 1, -1, 2, 2, 2])
        }
        expectDataError(.data, "collate's result of 3 examples hold no array") {
            for batch in DataLoader(Ragged(), batchSize: 3, collate: { _ in [] }).epoch(0) {
                _ = try batch.features.bytes()
            }
        }
    }

    @Test("the loop is said to wait where batches are not ready, and only there")
    func countsWaits() throws {
        let loader = DataLoader(CountedDataset(6), batchSize: 1, workers: 2, prefetch: 3)
        var batches = loader.epoch(0)
        while batches.preparedCount < 6 { usleep(200) }
        var count = 0
        while batches.next() != nil { count += 1 }
        #expect(count == 6 && loader.statistics == DataLoaderStatistics().with(batches: 6))
        let serial = DataLoader(CountedDataset(6), batchSize: 2, workers: 0)
        #expect(Array(serial.epoch(0)).count == 3)
        #expect(serial.statistics.batches == 3 && serial.statistics.waits == 3)
    }

    @Test("no more batches are made ahead than were asked for, and none after the epoch was left")
    func boundsTheQueue() throws {
        let dataset = CountedDataset(100)
        do {
            var batches = DataLoader(dataset, batchSize: 1, workers: 2, prefetch: 2).epoch(0)
            while batches.preparedCount < 4 { usleep(200) }
            #expect(dataset.asked.count == 4)
            #expect(batches.next() != nil)
            while batches.preparedCount < 4 { usleep(200) }
            #expect(dataset.asked.count == 5)
            // A copy that lags behind makes its batches itself.
            var copy = DataLoader(dataset, batchSize: 1, workers: 1).epoch(0)
            var other = copy
            #expect(try exampleNumbers([copy.next()!, copy.next()!]) == [[0], [1]])
            #expect(try exampleNumbers([other.next()!]) == [[0]])
        }
    }

    @Test("transforms of batches have numbers of seed, epoch and batch")
    func transformsBatches() throws {
        struct Noise: BatchTransform {
            func callAsFunction(_ batch: Batch, generator: Generator) -> Batch {
                var batch = batch
                batch.tensors[0] = batch.features + Tensor.uniform(batch.features.shape, generator: generator)
                return batch
            }
        }
        func epoch(_ seed: UInt64, _ epoch: Int, from first: Int = 0) throws -> [[Float]] {
            try DataLoader(resident(), batchSize: 5, seed: seed, batchTransform: Compose(Noise(), Noise()))
                .epoch(epoch, from: first).map { try $0.features.scalars(as: Float.self) }
        }
        let all = try epoch(1, 1)
        #expect(try epoch(1, 1, from: 1) == [all[1]])
        #expect(try epoch(2, 1)[1] != all[1])
        #expect(try epoch(1, 2)[1] != all[1])
        let noise = zip(all[0], all[1]).map { $1 - $0 }
        #expect(Set(noise).count == 10, "both batches have the same noise")
    }

    @Test("a device's dataset has inputs and targets of any dtype")
    func generalDeviceDatasets() throws {
        let data = DeviceDataset(
            inputs: [HostArray([UInt8(0), 51, 255, 102], shape: [2, 2]), HostArray([Int32(3), -4])],
            target: HostArray([1.5, 2.5], shape: [2, 1]), scale: 1 / 255.0, dtype: .float64)
        let batch = Array(DataLoader(data, batchSize: 2).epoch(0))[0]
        #expect(batch.tensors.map(\.dtype) == [.float64, .float64, .float64])
        #expect(try batch.features.scalars(as: Double.self).map { ($0 * 10).rounded() } == [0, 2, 10, 4])
        #expect(try batch.labels.scalars(as: Double.self) == [1.5, 2.5] && batch.labels.shape == [2, 1])
        let loaded = try DeviceDataset(loading: CountedDataset(4))
        #expect(loaded.count == 4 && loaded.features.shape == [4, 2])
        #expect(try loaded.classes() == [0, 1, 2, 0])
        expectDataError(.file, "example 2: /data/2.png") {
            _ = try DeviceDataset(loading: CountedDataset(4, broken: 2))
        }
        expectDataError(.invalidArgument, "DeviceDataset: inputs and target float32[1], float32[2] as float32") {
            _ = DeviceDataset(inputs: [HostArray([Float(1)])], target: HostArray([Float(1), 2]))
        }
    }

    @Test("an empty dataset has no batch")
    func emptyDatasets() throws {
        #expect(Array(DataLoader(CountedDataset(0), batchSize: 4, shuffle: true).epoch(0)).isEmpty)
        let none = TensorDataset(Tensor.zeros([0, 3]))
        #expect(none.count == 0 && Array(DataLoader(none, batchSize: 4).epoch(0)).isEmpty)
    }

    @Test("wrong calls are said")
    func wrongCalls() {
        let data = CountedDataset(3)
        expectDataError(.invalidArgument, "DataLoader(batchSize: 0)") { _ = DataLoader(data, batchSize: 0) }
        expectDataError(.invalidArgument, "workers: -1") { _ = DataLoader(data, batchSize: 1, workers: -1) }
        expectDataError(.invalidArgument, "prefetch: 0") { _ = DataLoader(data, batchSize: 1, prefetch: 0) }
        expectDataError(.invalidArgument, "two orders") {
            _ = DataLoader(data, batchSize: 1, shuffle: true, sampler: RandomSampler())
        }
        expectDataError(.invalidArgument, "Subset: example 3 of 3") { _ = Subset(data, [1, 3]) }
        expectDataError(.invalidArgument, "example 7 of 3") {
            let loader = DataLoader(data, batchSize: 1, sampler: SubsetRandomSampler([7]))
            for batch in loader.epoch(0) { _ = try batch.features.bytes() }
        }
        expectDataError(.invalidArgument, "TensorDataset: tensors [2] on cpu, [3] on cpu") {
            _ = TensorDataset(Tensor.zeros([2], device: .cpu), Tensor.zeros([3], device: .cpu))
        }
        expectDataError(.invalidArgument, "TensorDataset: no tensors") { _ = TensorDataset([]) }
        expectDataError(.invalidArgument, "example 3: the dataset has 3") {
            _ = try TensorDataset(Tensor.zeros([3])).example(at: 3)
        }
    }
}

/// Adds a random number to the features.
private let loaderNoise: DataLoader.ExampleTransform = { example, random in
    let noise = Float.random(in: 0..<0.25, using: &random)
    return Example(HostArray(example.arrays[0].scalars().map { $0 + noise }), example.arrays[1])
}

extension DataLoaderStatistics {
    /// These, with another number of batches.
    fileprivate func with(batches: Int) -> DataLoaderStatistics {
        DataLoaderStatistics(batches: batches, waits: waits, waited: waited)
    }
}
