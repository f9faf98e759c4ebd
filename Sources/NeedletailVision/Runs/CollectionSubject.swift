import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// Training on MNIST, Fashion-MNIST or CIFAR-10.
package struct CollectionSubject: RunSubject {
    package let kind: RunKind
    package var model: ImageModel?
    /// A recipe of its own model, of MNIST alone.
    package var preset: MNISTPreset?
    package var dataDirectory: String?
    /// Images that are trained on at most.
    package var limit: Int?
    /// Whether pictures are moved, and those of things turned over, at random.
    package var augments: Bool?
    /// Whether files that are missing or broken are downloaded.
    package var downloads = false

    /// - Parameter collection: by name.
    package init(_ collection: ImageCollection) {
        kind = RunKind(rawValue: collection.rawValue) ?? .mnist
    }

    private var collection: ImageCollection { kind.collection ?? .mnist }
    private var chosenModel: ImageModel { model ?? (kind == .cifar10 ? .resnet20 : .mlp) }

    package var defaults: RunDefaults {
        if let preset {
            return RunDefaults(
                epochs: preset.epochs, batchSize: preset.batchSize, optimizer: .adamw,
                learningRate: preset.learningRate, isScheduled: true)
        }
        return RunDefaults(optimizer: chosenModel.defaultOptimizer)
    }

    package mutating func resume(_ saved: SavedRun) throws(TensorError) {
        let specification = try PictureSpecification(saved)
        let path = saved.path
        let name = specification.modelName
        if let wanted = preset?.rawValue ?? model?.rawValue, wanted != name {
            throw TensorError(
                .data,
                "\(path): of model '\(name)', not '\(wanted)'; leave out --\(preset == nil ? "model" : "preset") or name "
                    + "another file")
        }
        preset = MNISTPreset(rawValue: name)
        model = ImageModel(rawValue: name)
        let augmented = saved.recipe["augment"] == "true"
        try saved.check(flag: "augment", augments, augmented)
        augments = augmented
        // Of a run on all images there are as many as the checkpoint has.
        limit = limit ?? saved.checkpoint.exampleCount
    }

    package func prepare(_ settings: RunSettings, device: DeviceID) throws -> RunTask {
        let (directory, all, test) = try load()
        let training = limit.map(all.prefix) ?? all
        let specification = PictureSpecification(
            modelName: preset?.rawValue ?? chosenModel.rawValue, shape: collection.imageShape,
            classes: collection.classNames)
        var task = RunTask(
            specification: specification,
            training: DeviceDataset(training, device: device, dtype: settings.dtype),
            heldOut: DeviceDataset(test, device: device, dtype: settings.dtype), data: absolutePath(directory))
        if augments == true {
            task.augmentation = augmentation
            task.words["augment"] = ["true"]
        }
        if let preset {
            task.dropLast = true
            task.schedule = preset.schedule(steps: max(1, preset.epochs * (training.count / preset.batchSize)))
        }
        return task
    }

    /// Digits may not be turned over.
    private var augmentation: any BatchTransform {
        switch kind {
        case .cifar10: Compose(RandomCrop(32, padding: 4), RandomHorizontalFlip())
        case .fashionMNIST: Compose(RandomCrop(28, padding: 2), RandomHorizontalFlip())
        case .mnist, .images, .csv: RandomCrop(28, padding: 2)
        }
    }

    /// Both parts, and where they are; files that are missing or broken are downloaded where that is asked for.
    private func load() throws(TensorError) -> (directory: String, training: ImageSplit, test: ImageSplit) {
        do {
            return try loadParts()
        } catch {
            guard downloads, error.kind == .data else { throw error }
            let named = dataDirectory ?? RuntimeConfiguration.current.dataDirectory.map { "\($0)/\(kind.rawValue)" }
            try collection.download(to: named ?? "Datasets/\(kind.rawValue)")
            return try loadParts()
        }
    }

    private func loadParts() throws(TensorError) -> (directory: String, training: ImageSplit, test: ImageSplit) {
        let directory = try CollectionSubject.directory(of: collection, dataDirectory)
        return (
            directory, try collection.load(.train, from: directory), try collection.load(.test, from: directory)
        )
    }

    static func directory(of collection: ImageCollection, _ named: String?) throws(TensorError) -> String {
        collection == .mnist ? try MNISTFiles.directory(named) : try collection.directory(named)
    }

    /// The images that a model was not trained on: those of a directory, of the one in training where it is still there, or
    /// where they are looked for otherwise.
    static func heldOut(
        _ collection: ImageCollection, _ saved: SavedRun, data: String?, device: DeviceID, dtype: DType
    ) throws(TensorError) -> any Dataset {
        let known = saved.recipe["data"].flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        let directory = try directory(of: collection, data ?? known)
        return DeviceDataset(try collection.load(.test, from: directory), device: device, dtype: dtype)
    }
}
