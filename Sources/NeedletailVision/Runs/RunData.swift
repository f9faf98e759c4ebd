import Needletail
import NeedletailTraining
import TensorRuntime

/// What training, evaluating and reporting do alike with data.
enum RunData {
    /// What makes a batch what a model takes: pictures that are on the host still are bytes.
    static func transform(
        _ dataset: any Dataset, _ dtype: DType, _ augmentation: (any BatchTransform)? = nil
    ) -> (any BatchTransform)? {
        let base = (dataset as? Subset)?.base ?? dataset
        let steps = (base is any ResidentDataset ? [] : [ToDType(dtype)]) + (augmentation.map { [$0] } ?? [])
        return steps.isEmpty ? nil : Compose(steps)
    }

    /// The batches of what is evaluated, in its order.
    ///
    /// - Parameter batchSize: of training: pictures may be so large that no more of them have room.
    static func loader(
        _ dataset: any Dataset, _ kind: RunKind, batchSize: Int, device: DeviceID, dtype: DType
    ) -> DataLoader {
        DataLoader(
            dataset, batchSize: kind == .images ? batchSize : 500, device: device,
            batchTransform: transform(dataset, dtype))
    }

    /// What classes are called in pictures: digits are called by their numbers anyway.
    static func names(_ kind: RunKind, _ specification: any RunSpecification) -> [String] {
        kind == .mnist ? [] : specification.problem.classNames
    }

    /// The page of a run.
    static func report(
        _ path: String, _ kind: RunKind, _ specification: any RunSpecification, trainingCount: Int,
        heldOut: DataLoader?, dtype: DType, seed: UInt64
    ) -> RunReport {
        RunReport(
            path, title: "\(kind.title), \(specification.modelName)", test: heldOut,
            classes: names(kind, specification),
            settings: [
                "training \(kind.unit)": "\(trainingCount)",
                "\(kind.part) \(kind.unit)": heldOut.map { "\($0.exampleCount)" } ?? "not there",
                "dtype": "\(dtype)", "seed": "\(seed)",
            ])
    }

    /// How often each class was taken for each: a row for each class.
    static func confusion(of trainer: Trainer, _ loader: DataLoader) throws -> [[Int]] {
        let confusion = ConfusionMatrix()
        for batch in loader.epoch(0) {
            confusion.update(try trainer.predict(batch.features), batch.labels)
            // Evaluated one by one, so that one batch is in memory.
            try batch.features.context.flushAll()
        }
        return try confusion.counts()
    }

    /// A sum of texts that tells others, or the same in another order, from them.
    static func fingerprint(_ texts: some Sequence<some StringProtocol>) -> String {
        var sum = MD5()
        var bytes: [UInt8] = []
        for text in texts {
            bytes += "\(text.utf8.count):".utf8
            bytes += text.utf8
            if bytes.count >= 1 << 16 {
                sum.update(bytes)
                bytes.removeAll(keepingCapacity: true)
            }
        }
        sum.update(bytes)
        return sum.digest()
    }

    /// Two parts of examples in which each class has its share, or of numbers of any kind.
    ///
    /// - Throws: `data` where one of them would be empty.
    static func split(
        _ dataset: any Dataset, labels: [Int]?, validation: Double, seed: UInt64, path: String, unit: String
    ) throws(TensorError) -> (training: Subset, heldOut: Subset) {
        let shares = [1 - validation, validation]
        let parts =
            labels.map { stratifiedSplit(dataset, labels: $0, fractions: shares, seed: seed) }
            ?? randomSplit(dataset, fractions: shares, seed: seed)
        guard parts[0].count > 0, parts[1].count > 0 else {
            throw TensorError(
                .data,
                "\(path): \(dataset.count) \(unit) are too few to hold \(validation) of them out; give more, or another "
                    + "--validation")
        }
        return (parts[0], parts[1])
    }
}
