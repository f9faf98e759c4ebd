import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// Training on pictures in folders named after their classes.
package struct FolderSubject: RunSubject {
    package let kind = RunKind.images
    package let directory: String
    package var model: ImageModel?
    /// Height and width to which pictures come.
    package var size: Int?
    /// The share that is held out, where the directory does not hold it by itself.
    package var validation: Double?
    package var augments: Bool?
    /// The run that is resumed, and what it was of.
    private var saved: (run: SavedRun, specification: PictureSpecification)?

    package init(_ directory: String) { self.directory = directory }

    package static let defaultSize = 64
    package static let defaultValidation = 0.2
    /// Bytes of pictures that are decoded once and kept on the device; more are read again in each epoch.
    package var residentBytes = FolderSubject.defaultResidentBytes
    private static let defaultResidentBytes = 1 << 30

    package var defaults: RunDefaults {
        RunDefaults(batchSize: 32, optimizer: (model ?? .resnet20).defaultOptimizer)
    }

    package mutating func resume(_ saved: SavedRun) throws(TensorError) {
        let specification = try PictureSpecification(saved)
        try saved.check("model", model?.rawValue, specification.modelName)
        try saved.check("size", size, specification.shape[1])
        let share = try saved.validation()
        try saved.check("validation", validation, share)
        let augmented = saved.recipe["augment"] == "true"
        try saved.check(flag: "augment", augments, augmented)
        model = ImageModel(rawValue: specification.modelName)
        size = specification.shape[1]
        validation = share
        augments = augmented
        self.saved = (saved, specification)
    }

    package func prepare(_ settings: RunSettings, device: DeviceID) throws -> RunTask {
        let model = model ?? .resnet20
        let size = size ?? FolderSubject.defaultSize
        guard size >= model.leastSize else {
            throw TensorError(
                .invalidArgument, "--size \(size): \(model.rawValue) wants \(model.leastSize) or more; give it")
        }
        let parts = try FolderParts(directory, size: size)
        if let saved, !saved.run.isOf(fingerprint: parts.fingerprint) || (validation == nil) != (parts.heldOut != nil) {
            throw FolderSubject.otherPictures(directory, saved.run, "name those, or leave out --resume")
        }
        if let validation, parts.heldOut != nil {
            throw TensorError(
                .invalidArgument,
                "--validation \(validation): \(directory) holds \(parts.heldOutName) for that; leave the option out")
        }
        let (training, heldOut) = try parts.datasets(
            validation ?? FolderSubject.defaultValidation, seed: settings.seed)
        let scale = try FolderSubject.scale(of: training)
        let resident = try resident(training, heldOut, device: device, dtype: settings.dtype)
        let specification = PictureSpecification(
            modelName: model.rawValue, shape: [3, size, size], classes: parts.training.classNames, mean: scale.mean,
            deviation: scale.deviation)
        if let saved, saved.specification != specification {
            throw FolderSubject.otherPictures(directory, saved.run, "name those, or leave out --resume")
        }
        var task = RunTask(
            specification: specification, training: resident.training, heldOut: resident.heldOut,
            data: absolutePath(directory))
        task.words[SavedRun.fingerprint] = [parts.fingerprint]
        if parts.heldOut == nil { task.words["validation"] = ["\(validation ?? FolderSubject.defaultValidation)"] }
        if augments == true {
            task.augmentation = Compose(RandomCrop(size, padding: max(1, size / 8)), RandomHorizontalFlip())
            task.words["augment"] = ["true"]
        }
        return task
    }

    private static func otherPictures(_ directory: String, _ saved: SavedRun, _ remedy: String) -> TensorError {
        TensorError(.data, "\(directory): holds other pictures than those that \(saved.path) was trained on; \(remedy)")
    }

    /// The pictures on the device where they have the room, else as they are.
    private func resident(
        _ training: any Dataset, _ heldOut: any Dataset, device: DeviceID, dtype: DType
    ) throws -> (training: any Dataset, heldOut: any Dataset) {
        let bytes = try training.example(at: 0).arrays[0].bytes.count
        guard (training.count + heldOut.count) * bytes <= residentBytes else { return (training, heldOut) }
        return (
            try DeviceDataset(loading: training, scale: 1 / 255, device: device, dtype: dtype),
            try DeviceDataset(loading: heldOut, scale: 1 / 255, device: device, dtype: dtype)
        )
    }

    /// Mean and standard deviation of each channel, pixels being 0...1, of up to a thousand pictures.
    private static func scale(of pictures: any Dataset) throws -> (mean: [Double], deviation: [Double]) {
        let some = min(pictures.count, 1000)
        var (sums, squares) = ([0, 0, 0], [0, 0, 0])
        var pixels = 0
        for number in 0..<some {
            let picture = try pictures.example(at: number * pictures.count / some).arrays[0]
            let plane = picture.bytes.count / 3
            pixels += plane
            for channel in 0..<3 {
                for byte in picture.bytes[(channel * plane)..<((channel + 1) * plane)] {
                    sums[channel] += Int(byte)
                    squares[channel] += Int(byte) * Int(byte)
                }
            }
        }
        let mean = sums.map { Double($0) / Double(pixels) }
        let deviation = zip(squares, mean).map { square, mean -> Double in
            let variance = Double(square) / Double(pixels) - mean * mean
            // Pictures of one colour are left as they are.
            return variance < 1e-6 ? 1 : variance.squareRoot() / 255
        }
        return (mean.map { $0 / 255 }, deviation)
    }

    /// The pictures by which a run is judged: all of another directory, or those that it held out.
    static func heldOut(
        _ saved: SavedRun, _ specification: PictureSpecification, data: String?, device: DeviceID, dtype: DType
    ) throws -> any Dataset {
        let size = specification.shape[1]
        let pictures: any Dataset
        if let data {
            let folder = try ImageFolder(data, size: (size, size))
            pictures = try RenumberedPictures(folder, classes: specification.classes, directory: data)
        } else {
            let parts = try FolderParts(try saved.data(), size: size)
            guard parts.training.classNames == specification.classes else {
                throw TensorError(
                    .data,
                    "\(try saved.data()): holds other classes than those of \(saved.path); name the pictures by --data")
            }
            let share = try saved.validation()
            // Others would be parted otherwise, and pictures that were trained on held out.
            guard saved.isOf(fingerprint: parts.fingerprint), (share == nil) == (parts.heldOut != nil) else {
                throw otherPictures(try saved.data(), saved, "name pictures to judge by with --data")
            }
            pictures = try parts.datasets(share ?? defaultValidation, seed: saved.checkpoint.seed).heldOut
        }
        let bytes = specification.shape.elementCount
        guard pictures.count * bytes <= defaultResidentBytes else { return pictures }
        return try DeviceDataset(loading: pictures, scale: 1 / 255, device: device, dtype: dtype)
    }
}

/// The folders of a directory of pictures: classes, or `train` and one of ``FolderParts/heldOutNames`` with classes in them.
private struct FolderParts {
    static let heldOutNames = ["validation", "valid", "val", "test"]
    let directory: String
    let training: ImageFolder
    let heldOut: RenumberedPictures?
    let heldOutName: String
    /// Of the names of all pictures within the directory.
    let fingerprint: String

    init(_ directory: String, size: Int) throws(TensorError) {
        self.directory = directory
        func isFolder(_ name: String) -> Bool {
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(directory)/\(name)", isDirectory: &isDirectory)
                && isDirectory.boolValue
        }
        let other = isFolder("train") ? FolderParts.heldOutNames.first(where: isFolder) : nil
        if other == nil, isFolder("train"), try FolderParts.holdsFolder("\(directory)/train") {
            throw TensorError(
                .data,
                "\(directory): holds train with folders in it, and none of "
                    + "\(FolderParts.heldOutNames.joined(separator: ", ")); add one, or name \(directory)/train, of which a "
                    + "part is held out")
        }
        heldOutName = other ?? ""
        training = try ImageFolder(other == nil ? directory : "\(directory)/train", size: (size, size))
        guard training.classNames.count > 1 else {
            throw TensorError(
                .data,
                "\(directory): holds one class, \(quoted(training.classNames[0])); put the pictures of each class into a "
                    + "folder of its name")
        }
        var paths = training.pictures.map(\.path)
        if let other {
            let place = "\(directory)/\(other)"
            let folder = try ImageFolder(place, size: (size, size))
            heldOut = try RenumberedPictures(folder, classes: training.classNames, directory: place)
            paths += folder.pictures.map(\.path)
        } else {
            heldOut = nil
        }
        fingerprint = RunData.fingerprint(paths.lazy.map { $0.dropFirst(directory.count) })
    }

    private static func holdsFolder(_ directory: String) throws(TensorError) -> Bool {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory).contains { name in
                var isDirectory: ObjCBool = false
                return !name.hasPrefix(".")
                    && FileManager.default.fileExists(atPath: "\(directory)/\(name)", isDirectory: &isDirectory)
                    && isDirectory.boolValue
            }
        } catch {
            throw TensorError(.file, "\(directory): cannot be read as a directory; check the path and its permissions")
        }
    }

    /// What is trained on and what is held out.
    func datasets(
        _ validation: Double, seed: UInt64
    ) throws(TensorError) -> (training: any Dataset, heldOut: any Dataset) {
        if let heldOut { return (training, heldOut) }
        return try RunData.split(
            training, labels: training.labels, validation: validation, seed: seed, path: directory, unit: "pictures")
    }
}

/// Pictures of some of the classes that a model knows, under its numbers.
private struct RenumberedPictures: Dataset {
    private let folder: ImageFolder
    private let numbers: [Int64]

    /// - Throws: `data` where there is a class that is none of those.
    init(_ folder: ImageFolder, classes: [String], directory: String) throws(TensorError) {
        self.folder = folder
        var numbers: [Int64] = []
        for name in folder.classNames {
            guard let number = classes.firstIndex(of: name) else {
                let known = classes.prefix(10).map(quoted).joined(separator: ", ")
                throw TensorError(
                    .data,
                    "\(directory): the class \(quoted(name)) is none of \(known)\(classes.count > 10 ? ", ..." : ""); "
                        + "rename the folder or take it out")
            }
            numbers.append(Int64(number))
        }
        self.numbers = numbers
    }

    var count: Int { folder.count }

    func example(at index: Int) throws -> Example {
        let example = try folder.example(at: index)
        return Example(example.arrays[0], HostArray(numbers[folder.pictures[index].label]))
    }
}
