import Needletail
import TensorGraph
import TensorRuntime

/// The batches of a dataset, epoch by epoch. The order of an epoch is a function of the seed and the epoch's number alone,
/// and so is all that transforms draw, so that training can go on in the middle of one.
///
///     let loader = DataLoader(digits, batchSize: 64, shuffle: true, seed: 1)
///     for epoch in 0..<10 {
///         for batch in loader.epoch(epoch) { ... }
///     }
///
/// Batches of a ``ResidentDataset`` are gathered on its device in the trace of the step. Those of another are made on the host,
/// by threads of their own ahead of the loop, and copied to the device when the loop asks for them. An error on the way (a
/// broken file) is carried by the batch's tensors: `optimizer.step()`, or a read of what was computed with them, throws it.
public struct DataLoader: Sendable {
    /// A change of an example on the host, before its batch is made.
    public typealias ExampleTransform = @Sendable (Example, inout SeededRandom) throws -> Example
    /// What makes the arrays of a batch, `[count, ...]` each, of its examples.
    public typealias Collate = @Sendable ([Example]) throws -> [HostArray]

    /// Examples of a batch.
    public let batchSize: Int
    /// Whether each epoch has an order of its own.
    public let shuffle: Bool
    /// Whether a last batch that is not full is left out.
    public let dropLast: Bool
    /// Of the orders, and of what transforms draw.
    public let seed: UInt64
    /// Examples of an epoch: the dataset's, or as many as the sampler draws.
    public let exampleCount: Int

    let dataset: any Dataset
    let sampler: (any Sampler)?
    let work: HostWork
    let batchTransform: (any BatchTransform)?
    let device: DeviceID?
    let counters = LoaderCounters()
    let site: CallSite

    /// - Parameters:
    ///   - batchSize: examples of a batch, 1 or more.
    ///   - shuffle: whether each epoch has an order of its own.
    ///   - sampler: which examples an epoch has; `shuffle` is `RandomSampler()`.
    ///   - dropLast: whether a last batch that is not full is left out.
    ///   - seed: of the orders, and of what transforms draw.
    ///   - workers: threads that make batches on the host ahead of the loop; with 0 the loop makes them itself. The batches
    ///     are the same for any number.
    ///   - prefetch: batches that each of them makes ahead, 1 or more.
    ///   - device: what the batches of a dataset on the host are copied to; nil is the current device of the loop.
    ///   - exampleTransform: of each example, on the host.
    ///   - collate: nil joins examples of the same shapes along a new first axis.
    ///   - batchTransform: of each batch, on its device.
    public init(
        _ dataset: any Dataset, batchSize: Int, shuffle: Bool = false, sampler: (any Sampler)? = nil,
        dropLast: Bool = false, seed: UInt64 = 0, workers: Int = 1, prefetch: Int = 2, device: DeviceID? = nil,
        exampleTransform: ExampleTransform? = nil, collate: Collate? = nil,
        batchTransform: (any BatchTransform)? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        func check(_ holds: Bool, _ call: String, _ problem: String, remedy: String) {
            if !holds { WrongCall.report("DataLoader(\(call))", problem, remedy: remedy, at: site) }
        }
        check(batchSize > 0, "batchSize: \(batchSize)", "no size of a batch", remedy: "give 1 or more")
        check((0...256).contains(workers), "workers: \(workers)", "no number of threads", remedy: "give 0 to 256")
        check((1...4096).contains(prefetch), "prefetch: \(prefetch)", "no number of batches", remedy: "give 1 to 4096")
        check(
            !shuffle || sampler == nil, "shuffle: true, sampler:", "two orders of the examples",
            remedy: "give one of them")
        self.site = site
        self.dataset = dataset
        self.batchSize = Swift.max(batchSize, 1)
        // After a wrong call of both, the sampler's order.
        self.shuffle = shuffle && sampler == nil
        self.sampler = sampler
        self.dropLast = dropLast
        self.seed = seed
        self.device = device
        self.batchTransform = batchTransform
        work = HostWork(
            workers: Swift.max(workers, 0), prefetch: Swift.max(prefetch, 1), transform: exampleTransform,
            collate: collate)
        exampleCount = sampler?.count(of: dataset.count) ?? dataset.count
    }

    /// Batches of an epoch.
    public var count: Int { exampleCount / batchSize + (dropLast || exampleCount % batchSize == 0 ? 0 : 1) }

    /// The batches of an epoch in their order, from one of them on. Those before are not made.
    public func epoch(_ epoch: Int, from first: Int = 0) -> DataLoaderBatches {
        let source: any BatchSource
        switch order(of: epoch) {
        case .failure(let error): source = FailedEpoch(error: error, context: Tensor.creationContext(device, at: site))
        case .success(let order):
            let (base, places) = Subset.resolved(dataset, order)
            if let resident = base as? any ResidentDataset, work.isPlain {
                source = ResidentEpoch(resident, order: places, size: batchSize, counters: counters, site: site)
            } else {
                source = HostEpoch(
                    dataset: dataset, order: order, loader: self, epoch: epoch, first: Swift.max(first, 0),
                    context: Tensor.creationContext(device, at: site))
            }
        }
        return DataLoaderBatches(
            source, from: first, count: count, transform: batchTransform,
            seeds: [seed, UInt64(bitPattern: Int64(epoch))])
    }

    /// What happened so far, all epochs together.
    public var statistics: DataLoaderStatistics { counters.statistics }

    /// The numbers of the examples of an epoch; nil is all in the dataset's order.
    private func order(of epoch: Int) -> Result<[Int64]?, TensorError> {
        // SplitMix64's increment keeps the epochs' keys apart.
        let generator = Generator(seed: seed &+ (UInt64(bitPattern: Int64(epoch)) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
        if shuffle { return .success(generator.permutation(dataset.count)) }
        guard let sampler else { return .success(nil) }
        let drawn = sampler.indices(of: dataset.count, generator: generator)
        func wrong(_ problem: String, _ remedy: String) -> Result<[Int64]?, TensorError> {
            let error = TensorError(.invalidArgument, "DataLoader(sampler:): \(problem); \(remedy)")
            WrongCall.report(error, at: site)
            return .failure(error)
        }
        if let outside = drawn.first(where: { !(0..<dataset.count).contains($0) }) {
            return wrong("example \(outside) of \(dataset.count)", "draw numbers of at least 0, below the count")
        }
        guard drawn.count == exampleCount else {
            return wrong("\(drawn.count) examples, but count(of:) says \(exampleCount)", "make both the same")
        }
        return .success(drawn.map { Int64($0) })
    }
}

/// How the training loop and a loader got on.
public struct DataLoaderStatistics: Hashable, Sendable {
    /// Batches that the loop was given.
    public internal(set) var batches: Int
    /// How often it had to wait for one, or to make it itself (`workers: 0`).
    public internal(set) var waits: Int
    /// How long it waited.
    public internal(set) var waited: Duration

    /// None, unless they are given.
    public init(batches: Int = 0, waits: Int = 0, waited: Duration = .zero) {
        self.batches = batches
        self.waits = waits
        self.waited = waited
    }
}

/// The statistics of a loader, which its copies share.
final class LoaderCounters: Sendable {
    private let stored = Lock(DataLoaderStatistics())

    var statistics: DataLoaderStatistics { stored.withLock { $0 } }

    func count(waited: Duration?) {
        stored.withLock {
            $0.batches += 1
            guard let waited else { return }
            $0.waits += 1
            $0.waited += waited
        }
    }
}
