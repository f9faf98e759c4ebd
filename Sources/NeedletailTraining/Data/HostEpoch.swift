import Needletail
import TensorGraph
import TensorRuntime

/// How a loader makes batches on the host.
struct HostWork: Sendable {
    let workers: Int
    let prefetch: Int
    let transform: DataLoader.ExampleTransform?
    let collate: DataLoader.Collate?

    /// Whether nothing has to be done on the host.
    var isPlain: Bool { transform == nil && collate == nil }
}

/// An epoch whose batches are made on the host and copied to a device.
final class HostEpoch: BatchSource {
    private let context: DeviceContext
    private let counters: LoaderCounters
    private let maker: BatchMaker
    private let queue: BatchQueue?
    /// Of the last batch that could be made: what one that could not is made to look like.
    private let kinds = Lock<[(Shape, DType)]?>(nil)

    init(
        dataset: any Dataset, order: [Int64]?, loader: DataLoader, epoch: Int, first: Int, context: DeviceContext
    ) {
        self.context = context
        counters = loader.counters
        maker = BatchMaker(
            dataset: dataset, order: order, size: loader.batchSize, exampleCount: loader.exampleCount,
            work: loader.work, seeds: [loader.seed, UInt64(bitPattern: Int64(epoch))], errors: WrongCall.errors)
        queue =
            loader.work.workers > 0 && first < loader.count
            ? BatchQueue(maker: maker, positions: first..<loader.count, work: loader.work) : nil
    }

    deinit { queue?.cancel() }

    var preparedCount: Int { queue?.preparedCount ?? 0 }

    func batch(_ index: Int) -> Batch {
        let made: Result<[HostArray], TensorError>
        if let ready = queue?.takeReady(index) {
            counters.count(waited: nil)
            made = ready
        } else {
            let clock = ContinuousClock()
            let start = clock.now
            made = queue?.take(index) ?? maker.batch(index)
            counters.count(waited: clock.now - start)
        }
        let count = maker.examples(of: index).count
        switch made {
        case .success(let arrays):
            kinds.withLock { $0 = arrays.map { ($0.shape, $0.dtype) } }
            let tensors = withDeviceContext(context) { arrays.map { Tensor($0) } }
            return Batch(tensors, count: count)
        case .failure(let error):
            return Batch(failedBy: error, count: count, in: context, like: kinds.withLock { $0 })
        }
    }
}

/// Makes the arrays of a batch, by any thread.
struct BatchMaker: Sendable {
    let dataset: any Dataset
    let order: [Int64]?
    let size: Int
    let exampleCount: Int
    let work: HostWork
    let seeds: [UInt64]
    /// Where the loop keeps wrong calls.
    let errors: ErrorBox?

    /// The places in the epoch's order of a batch's examples.
    func examples(of batch: Int) -> Range<Int> {
        let start = batch * size
        return start..<(start + min(size, exampleCount - start))
    }

    func batch(_ index: Int) -> Result<[HostArray], TensorError> {
        WrongCall.$errors.withValue(errors) {
            do throws(TensorError) {
                return .success(try arrays(of: index))
            } catch {
                return .failure(TensorError(error.kind, "batch \(index): \(error.message)"))
            }
        }
    }

    private func arrays(of batch: Int) throws(TensorError) -> [HostArray] {
        let places = examples(of: batch)
        guard let collate = work.collate else {
            var joined = StackedExamples(expecting: places.count)
            for place in places {
                let number = order.map { Int($0[place]) } ?? place
                try joined.append(try example(number, at: place), number: number)
            }
            return try checked(try joined.arrays(), places.count, "examples")
        }
        var examples: [Example] = []
        for place in places {
            examples.append(try example(order.map { Int($0[place]) } ?? place, at: place))
        }
        do {
            return try checked(try collate(examples), places.count, "collate's result")
        } catch {
            if let error = error as? TensorError { throw error }
            throw TensorError(.data, "collate: \(error); correct the data, or the function")
        }
    }

    private func example(_ number: Int, at place: Int) throws(TensorError) -> Example {
        do {
            let example = try dataset.example(at: number)
            guard let transform = work.transform else { return example }
            var random = SeededRandom(seeds + [UInt64(place)])
            return try transform(example, &random)
        } catch {
            throw TensorError(error, atExample: number)
        }
    }

    /// A batch needs a tensor at least.
    private func checked(_ arrays: [HostArray], _ count: Int, _ what: String) throws(TensorError) -> [HostArray] {
        guard !arrays.isEmpty else {
            throw TensorError(.data, "\(what) of \(count) examples hold no array; give one or more")
        }
        return arrays
    }
}
