import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// One part of MNIST on the host.
public struct MNISTSplit: Hashable, Sendable {
    /// The pixels, `count * rows * columns` of them, image by image, row by row; 0 is the background.
    public let images: [UInt8]
    /// A digit 0...9 for each image.
    public let labels: [UInt8]
    /// Images.
    public let count: Int
    /// Pixels of a column of an image.
    public let rows: Int
    /// Pixels of a row of an image.
    public let columns: Int

    /// The first `limit` images, or all where there are fewer.
    public func prefix(_ limit: Int) -> MNISTSplit {
        let kept = max(0, min(limit, count))
        return MNISTSplit(
            images: Array(images.prefix(kept * rows * columns)), labels: Array(labels.prefix(kept)), count: kept,
            rows: rows, columns: columns)
    }
}

/// Finds and reads the four files of MNIST, plain or gzip.
public enum MNISTFiles {
    /// Which of the two parts.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        case train, test

        fileprivate var stem: String { self == .train ? "train" : "t10k" }
    }

    private static let remedy = "name the directory that holds train-images-idx3-ubyte.gz by --data or NEEDLETAIL_DATA"

    /// The directory that holds the files.
    ///
    /// The first of these that is given: `explicit`, `RuntimeConfiguration.current.dataDirectory` (`NEEDLETAIL_DATA`).
    /// Either may also be the directory that holds `mnist`, which is looked into first. Where neither is,
    /// `Datasets/mnist` in the working directory or else in this package's root. A place that has all files comes before one
    /// that has some; files of the same names that are Fashion-MNIST's, by the sums of their labels, are passed over. Throws
    /// `.data` where no MNIST file is found.
    public static func directory(_ explicit: String? = nil) throws(TensorError) -> String {
        if let named = explicit ?? RuntimeConfiguration.current.dataDirectory {
            return try checked(named)
        }
        // Sources/NeedletailVision/Data/MNISTFiles.swift: four steps up is the package.
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let candidates = ["Datasets/mnist", root.appendingPathComponent("Datasets/mnist").path]
        if let found = try ImageCollection.mnist.found(in: candidates) { return found }
        throw TensorError(.data, "MNIST is in neither \(candidates.joined(separator: " nor ")); \(remedy)")
    }

    /// Reads the images and labels of one part from `directory`.
    ///
    /// Throws `.file` where a file cannot be read; `.data` where one is missing, is not 28x28 uint8 images or uint8
    /// labels, where the two have different counts, or where a label is not a digit.
    public static func load(_ part: Part, from directory: String) throws(TensorError) -> MNISTSplit {
        let imagesPath = try path(of: "\(part.stem)-images", dimensions: 3, in: directory)
        let labelsPath = try path(of: "\(part.stem)-labels", dimensions: 1, in: directory)
        let labels = try IDXFile(contentsOf: labelsPath)
        guard labels.element == .uint8, labels.dimensions.count == 1 else {
            throw mismatch(labels, labelsPath, "labels")
        }
        let images = try IDXFile(contentsOf: imagesPath)
        guard images.element == .uint8, images.dimensions.count == 3, images.dimensions[1...] == [28, 28] else {
            throw mismatch(images, imagesPath, "28x28 images")
        }
        let count = images.dimensions[0]
        guard count > 0 else { throw TensorError(.data, "\(imagesPath): holds no image; get the file again") }
        guard labels.dimensions[0] == count else {
            throw TensorError(
                .data,
                "\(imagesPath): \(count) images, but \(labels.dimensions[0]) labels in \(labelsPath); "
                    + "get both files again"
            )
        }
        if let wrong = labels.bytes.firstIndex(where: { $0 > 9 }) {
            throw TensorError(
                .data,
                "\(labelsPath): label \(labels.bytes[wrong]) at index \(wrong) is not a digit 0 to 9; "
                    + "get the file again"
            )
        }
        return MNISTSplit(images: images.bytes, labels: labels.bytes, count: count, rows: 28, columns: 28)
    }

    private static func checked(_ named: String) throws(TensorError) -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: named, isDirectory: &isDirectory) else {
            throw TensorError(.data, "\(named): no such directory; \(remedy)")
        }
        guard isDirectory.boolValue else { throw TensorError(.data, "\(named): is no directory; \(remedy)") }
        if let found = try ImageCollection.mnist.found(in: [named + "/mnist", named]) { return found }
        throw TensorError(.data, "\(named): no MNIST file in this directory; \(remedy)")
    }

    /// The files of labels that a directory has.
    static func labelPaths(in directory: String) -> [String] {
        Part.allCases.compactMap { existing("\($0.stem)-labels", dimensions: 1, in: directory) }
    }

    /// The file by its name on the MNIST page, or with the dot that unpacking under Windows leaves; plain before gzip.
    private static func existing(_ name: String, dimensions: Int, in directory: String) -> String? {
        for separator in ["-", "."] {
            for suffix in ["", ".gz"] {
                let path = "\(directory)/\(name)\(separator)idx\(dimensions)-ubyte\(suffix)"
                if FileManager.default.fileExists(atPath: path) { return path }
            }
        }
        return nil
    }

    private static func path(of name: String, dimensions: Int, in directory: String) throws(TensorError) -> String {
        if let path = existing(name, dimensions: dimensions, in: directory) { return path }
        let file = "\(name)-idx\(dimensions)-ubyte"
        throw TensorError(.data, "\(directory): \(file) or \(file).gz is missing; add it, or \(remedy)")
    }

    private static func mismatch(_ file: IDXFile, _ path: String, _ expected: String) -> TensorError {
        let shape = file.dimensions.map(String.init).joined(separator: "x")
        return TensorError(
            .data, "\(path): holds \(shape) of \(file.element), not \(expected) of uint8; put MNIST's file in its place"
        )
    }
}
