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
    /// Whether files that are missing or cannot be read are downloaded.
    package var downloads = false
    /// What brings the files that a directory lacks, or that cannot be read, into it.
    package var download: @Sendable (ImageCollection, _ directory: String) throws(TensorError) -> Void = {
        (collection, directory) throws(TensorError) in try collection.download(to: directory)
    }

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

    /// Both parts, and where they are; files that are missing or cannot be read are downloaded where that is asked for.
    private func load() throws(TensorError) -> (directory: String, training: ImageSplit, test: ImageSplit) {
        let problem: TensorError
        do {
            return try loadParts()
        } catch {
            guard downloads, error.kind == .data else { throw error }
            problem = error
        }
        let directory = downloadDirectory
        do {
            try download(collection, directory)
        } catch {
            // Where there is nothing yet, that is no news.
            guard (try? CollectionSubject.directory(of: collection, dataDirectory)) != nil else { throw error }
            throw TensorError(error.kind, "\(problem.message); and \(error.message)")
        }
        do {
            return try loadParts()
        } catch {
            guard error.kind == .data else { throw error }
            // What was downloaded is right, so what is wrong is read in its place.
            throw TensorError(
                .data,
                "\(error.message): this file is read before those that were downloaded into \(directory); remove it")
        }
    }

    /// Where files are downloaded to: of the directories that are searched one that comes before any that has broken files.
    private var downloadDirectory: String {
        if let dataDirectory {
            // What is found there is the directory itself, or its folder.
            return (try? CollectionSubject.directory(of: collection, dataDirectory)) ?? dataDirectory
        }
        return "\(RuntimeConfiguration.current.dataDirectory ?? "Datasets")/\(kind.rawValue)"
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
