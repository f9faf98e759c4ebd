import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// The data sets of images that are known by name.
///
///     let directory = try ImageCollection.fashionMNIST.directory()
///     let training = DeviceDataset(try ImageCollection.fashionMNIST.load(.train, from: directory))
///
/// Nothing is downloaded unless ``download(to:from:)`` is called.
public enum ImageCollection: String, Hashable, Sendable, CaseIterable {
    case mnist
    /// [Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist), in MNIST's format.
    case fashionMNIST = "fashion-mnist"
    case cifar10
    /// By its 100 fine classes.
    case cifar100

    /// Which of the two parts.
    public typealias Part = MNISTFiles.Part

    /// A file of a collection as its page gives it.
    public struct File: Hashable, Sendable {
        /// Its name on its page.
        public let name: String
        /// 32 hexadecimal digits.
        public let md5: String

        package init(name: String, md5: String) {
            self.name = name
            self.md5 = md5
        }
    }

    /// Of an image: channels, height, width.
    public var imageShape: Shape {
        switch self {
        case .mnist, .fashionMNIST: [1, 28, 28]
        case .cifar10, .cifar100: [3, 32, 32]
        }
    }

    /// How many classes there are.
    public var classCount: Int { self == .cifar100 ? 100 : 10 }

    /// The names of the classes; numbers of CIFAR-100's.
    public var classNames: [String] {
        switch self {
        case .mnist, .cifar100: (0..<classCount).map(String.init)
        case .fashionMNIST:
            [
                "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                "Ankle boot",
            ]
        case .cifar10:
            ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
        }
    }

    /// The files, with the sums that their pages give.
    public var files: [File] {
        switch self {
        case .mnist:
            [
                File(name: "train-images-idx3-ubyte.gz", md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                File(name: "train-labels-idx1-ubyte.gz", md5: "d53e105ee54ea40749a09fcbcd1e9432"),
                File(name: "t10k-images-idx3-ubyte.gz", md5: "9fb629c4189551a2d022fa330f9573f3"),
                File(name: "t10k-labels-idx1-ubyte.gz", md5: "ec29112dd5afa0611ce80d1b7f02629c"),
            ]
        case .fashionMNIST:
            [
                File(name: "train-images-idx3-ubyte.gz", md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                File(name: "train-labels-idx1-ubyte.gz", md5: "25c81989df183df01b3e8a0aad5dffbe"),
                File(name: "t10k-images-idx3-ubyte.gz", md5: "bef4ecab320f06d8554ea6380940ec79"),
                File(name: "t10k-labels-idx1-ubyte.gz", md5: "bb300cfdad3c16e7a12a480ee83cd310"),
            ]
        case .cifar10: [File(name: "cifar-10-binary.tar.gz", md5: "c32a1d4ab5d03f1284b67883e8d87530")]
        case .cifar100: [File(name: "cifar-100-binary.tar.gz", md5: "03b5dce01913d631647c71ecec9e9cb8")]
        }
    }

    /// Addresses of folders that hold the files, tried in this order.
    public var mirrors: [String] {
        switch self {
        case .mnist:
            [
                "https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist",
            ]
        case .fashionMNIST:
            [
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
            ]
        case .cifar10, .cifar100:
            [
                "https://www.cs.toronto.edu/~kriz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
            ]
        }
    }

    /// The directory that holds the files.
    ///
    /// Looked for in `explicit`, else in `RuntimeConfiguration.current.dataDirectory` (`NEEDLETAIL_DATA`), else in `Datasets`
    /// of the working directory: in its folder of this collection's name, else there. A place that has all comes before one that
    /// has some. MNIST's files and Fashion-MNIST's have the same names: those that are the other's, by the sums of their labels,
    /// are passed over.
    ///
    /// - Throws: `data`, saying which files to put where, where none is found.
    public func directory(_ explicit: String? = nil) throws(TensorError) -> String {
        let named = explicit ?? RuntimeConfiguration.current.dataDirectory
        let places = named.map { ["\($0)/\(rawValue)", $0] } ?? ["Datasets/\(rawValue)"]
        if let found = try found(in: places) { return found }
        let wanted = files.map(\.name).joined(separator: ", ")
        throw TensorError(
            .data,
            "\(rawValue) is not in \(places.joined(separator: " nor ")); put \(wanted) there (from \(mirrors[0])), "
                + "name their directory by --data or NEEDLETAIL_DATA\(ImageCollection.downloadAdvice)")
    }

    /// The first of some places that has all files, or else some; not those that are known to be another collection's. Nil of none.
    ///
    /// - Throws: `data` where another collection's are all that is there.
    func found(in places: [String]) throws(TensorError) -> String? {
        let others = places.map(other(in:))
        let own = zip(places, others).filter { $1 == nil }.map(\.0)
        if let found = own.first(where: { !has($0).contains(false) }) ?? own.first(where: { has($0).contains(true) }) {
            return found
        }
        guard case (let place, let other?)? = zip(places, others).first(where: { $1 != nil }) else { return nil }
        throw TensorError(
            .data,
            "\(place): these are the files of \(other.rawValue), by the sums of their labels, and not those of \(rawValue), which "
                + "have the same names; put \(rawValue)'s into \(places[0]) or a directory of their own"
                + ImageCollection.downloadAdvice)
    }

    /// The end of messages, for who has not asked for it.
    static let downloadAdvice = ", or download them (--download)"

    /// Whether a directory has all files, and none that are known to be another collection's.
    func isWhole(in directory: String) -> Bool { !has(directory).contains(false) && other(in: directory) == nil }

    /// The other collection whose files are known to be in a directory.
    func other(in directory: String) -> ImageCollection? {
        isInMNISTsFormat ? MNISTOwner.other(than: self, in: directory) : nil
    }

    /// Whether the files of a directory are known to be this collection's, or can be no other's.
    func areOwn(in directory: String) -> Bool { !isInMNISTsFormat || MNISTOwner.known(directory) == [self] }

    var isInMNISTsFormat: Bool { self == .mnist || self == .fashionMNIST }

    /// Reads the images and classes of one part.
    ///
    /// - Throws: `file` where a file cannot be read; `data` where one is missing or is not what it should be, or labels are known to
    ///   be another collection's.
    public func load(_ part: Part, from directory: String) throws(TensorError) -> ImageSplit {
        switch self {
        case .mnist, .fashionMNIST:
            let split = try MNISTFiles.load(part, from: directory)
            if let owner = MNISTOwner.owner(ofLabels: split.labels), owner != self {
                throw TensorError(
                    .data,
                    "\(directory): the labels are those of \(owner.rawValue), by their sum, and not those of \(rawValue), whose files "
                        + "have the same names; name another directory, or load \(owner.rawValue)")
            }
            return ImageSplit(images: split.images, shape: [1, split.rows, split.columns], labels: split.labels)
        case .cifar10, .cifar100:
            return try CIFARFiles.load(
                unpackedNames(part), folder: unpackedFolder, archive: files[0].name,
                classBytes: self == .cifar100 ? 2 : 1, classes: classCount, from: directory)
        }
    }

    private var unpackedFolder: String { self == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary" }

    func unpackedNames(_ part: Part) -> [String] {
        switch (self, part) {
        case (.cifar10, .train): (1...5).map { "data_batch_\($0).bin" }
        case (.cifar10, .test): ["test_batch.bin"]
        case (_, .train): ["train.bin"]
        case (_, .test): ["test.bin"]
        }
    }

    /// Whether each of the files is there, under one of its names.
    private func has(_ directory: String) -> [Bool] {
        let names: [[String]]
        switch self {
        case .mnist, .fashionMNIST:
            names = files.map { file in
                [file.name, String(file.name.dropLast(3))].flatMap {
                    [$0, $0.replacingOccurrences(of: "-idx", with: ".idx")]
                }
            }
        case .cifar10, .cifar100:
            names = Part.allCases.flatMap(unpackedNames).map { [$0, "\(unpackedFolder)/\($0)", files[0].name] }
        }
        return names.map { alternatives in
            alternatives.contains { FileManager.default.fileExists(atPath: "\(directory)/\($0)") }
        }
    }
}
