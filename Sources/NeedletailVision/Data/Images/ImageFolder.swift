import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// Pictures in folders named after their classes: `cats/1.png`, `dogs/old/2.jpg`. Classes are numbered in the order of their
/// names, pictures in that of their paths.
/// Source:
/// [torchvision.datasets.ImageFolder](https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html).
///
///     let pictures = try ImageFolder("flowers", size: (64, 64))
///     let loader = DataLoader(pictures, batchSize: 32, shuffle: true, workers: 2, batchTransform: ToDType())
///
/// What fits in memory is decoded once by `DeviceDataset(loading: pictures, scale: 1 / 255)`.
public struct ImageFolder: Dataset {
    /// A picture and the number of its class.
    public struct Picture: Hashable, Sendable {
        /// The file.
        public let path: String
        /// The number of its class.
        public let label: Int
    }

    /// In the order of their classes and paths.
    public let pictures: [Picture]
    /// The folders' names, sorted.
    public let classNames: [String]
    /// Planes of a picture.
    public let channels: ImageFile.Channels
    /// Height and width; nil is each picture's own.
    public let size: (height: Int, width: Int)?
    /// How a picture comes to the size.
    public let fit: ImageFile.Fit
    /// Pixels of a file at most.
    public let limit: Int

    private static let suffixes = [".png", ".jpg", ".jpeg"]

    /// Looks for pictures; none is opened yet. Names that begin with a dot are passed over.
    ///
    /// - Throws: `file` where the directory cannot be read; `data` where it holds no folder, or a folder no picture.
    public init(
        _ directory: String, channels: ImageFile.Channels = .rgb, size: (height: Int, width: Int)? = nil,
        fit: ImageFile.Fit = .stretch, limit: Int = ImageFile.defaultLimit
    ) throws(TensorError) {
        self.channels = channels
        self.size = size
        self.fit = fit
        self.limit = limit
        var names: [String] = []
        for name in try ImageFolder.entries(of: directory) where ImageFolder.isDirectory("\(directory)/\(name)") {
            names.append(name)
        }
        guard !names.isEmpty else {
            throw TensorError(
                .data, "\(directory): holds no folder; put the pictures of each class into a folder of its name")
        }
        var pictures: [Picture] = []
        for (label, name) in names.enumerated() {
            let before = pictures.count
            try ImageFolder.collect("\(directory)/\(name)", label, depth: 0, into: &pictures)
            guard pictures.count > before else {
                throw TensorError(
                    .data, "\(directory)/\(name): holds no .png, .jpg or .jpeg file; add some, or remove the folder")
            }
        }
        classNames = names
        self.pictures = pictures
    }

    public var count: Int { pictures.count }

    /// The class of each picture, without opening any.
    public var labels: [Int] { pictures.map(\.label) }

    /// A picture as uint8 `[channels, height, width]`, and its class.
    ///
    /// - Throws: as ``ImageFile/read(_:channels:size:fit:limit:)``.
    public func example(at index: Int) throws -> Example {
        guard pictures.indices.contains(index) else {
            throw TensorError(
                .invalidArgument, "example \(index): there are \(count); use a number of at least 0, below \(count)")
        }
        let picture = pictures[index]
        let pixels = try ImageFile.read(picture.path, channels: channels, size: size, fit: fit, limit: limit)
        return Example(pixels, HostArray(Int64(picture.label)))
    }

    /// The names in a directory, in the order of their bytes, which no locale changes.
    private static func entries(of directory: String) throws(TensorError) -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            throw TensorError(.file, "\(directory): cannot be read as a directory; check the path and its permissions")
        }
        return names.filter { !$0.hasPrefix(".") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private static func collect(
        _ directory: String, _ label: Int, depth: Int, into pictures: inout [Picture]
    ) throws(TensorError) {
        // A link to a folder above would go on forever.
        guard depth < 32 else {
            throw TensorError(.data, "\(directory): folders lie too deep; take out links to folders above")
        }
        for name in try entries(of: directory) {
            let path = "\(directory)/\(name)"
            if isDirectory(path) {
                try collect(path, label, depth: depth + 1, into: &pictures)
            } else if suffixes.contains(where: name.lowercased().hasSuffix) {
                pictures.append(Picture(path: path, label: label))
            }
        }
    }
}
