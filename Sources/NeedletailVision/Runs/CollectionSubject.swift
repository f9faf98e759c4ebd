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
    /// Where the files were of the run that is resumed.
    private var recordedDirectory: String?
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
        if dataDirectory == nil { recordedDirectory = CollectionSubject.recorded(collection, saved) }
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
        if !isFolderOfCollection(directory), !collection.areOwn(in: directory) {
            task.notes = [
                "\(directory): by the sums of their labels, these files are neither mnist's nor fashion-mnist's; they are taken for "
                    + "\(kind.rawValue)'s"
            ]
        }
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
        let isNew = !FileManager.default.fileExists(atPath: directory)
        do {
            try download(collection, directory)
        } catch {
            // Only where it is empty.
            if isNew { rmdir(directory) }
            // Where there is nothing yet, that is no news.
            guard (try? CollectionSubject.directory(of: collection, dataDirectory)) != nil else { throw error }
            throw TensorError(error.kind, "\(problem.message); and \(error.message)")
        }
        do {
            return try loadParts()
        } catch {
            guard error.kind == .data else { throw error }
            let message = error.message.replacingOccurrences(of: ImageCollection.downloadAdvice, with: "")
            // What was downloaded is right, so what is wrong is read in its place.
            throw TensorError(
                .data,
                "\(message): this file is read before those that were downloaded into \(directory); remove it")
        }
    }

    /// Where files are downloaded to: of the directories that are searched one that comes before any that has broken files.
    private var downloadDirectory: String {
        if let recordedDirectory { return recordedDirectory }
        let named = dataDirectory ?? RuntimeConfiguration.current.dataDirectory ?? "Datasets"
        let folder = isFolderOfCollection(named) ? named : "\(named)/\(kind.rawValue)"
        // A directory that has some of the files is filled up.
        guard dataDirectory != nil, let found = try? CollectionSubject.directory(of: collection, named),
            collection.areOwn(in: found)
        else { return folder }
        return found
    }

    private func isFolderOfCollection(_ directory: String) -> Bool {
        URL(fileURLWithPath: directory).lastPathComponent == kind.rawValue
    }

    private func loadParts() throws(TensorError) -> (directory: String, training: ImageSplit, test: ImageSplit) {
        let directory: String
        if let recordedDirectory {
            directory = recordedDirectory
        } else {
            directory = try CollectionSubject.directory(of: collection, dataDirectory)
        }
        return (
            directory, try collection.load(.train, from: directory), try collection.load(.test, from: directory)
        )
    }

    static func directory(of collection: ImageCollection, _ named: String?) throws(TensorError) -> String {
        collection == .mnist ? try MNISTFiles.directory(named) : try collection.directory(named)
    }

    /// Where the files were in training, if they all still are.
    private static func recorded(_ collection: ImageCollection, _ saved: SavedRun) -> String? {
        saved.recipe["data"].flatMap { collection.isWhole(in: $0) ? $0 : nil }
    }

    /// The images that a model was not trained on: those of a directory, of the one in training where they are still there, or
    /// where they are looked for otherwise.
    static func heldOut(
        _ collection: ImageCollection, _ saved: SavedRun, data: String?, device: DeviceID, dtype: DType
    ) throws(TensorError) -> any Dataset {
        let directory: String
        if data == nil, let recorded = recorded(collection, saved) {
            directory = recorded
        } else {
            directory = try Self.directory(of: collection, data)
        }
        return DeviceDataset(try collection.load(.test, from: directory), device: device, dtype: dtype)
    }
}
