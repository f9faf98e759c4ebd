import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// Reads the binary version of [CIFAR-10 and CIFAR-100](https://www.cs.toronto.edu/~kriz/cifar.html): records of a class (of
/// CIFAR-100, a coarse and a fine one) and 3 x 32 x 32 pixels, in files of an archive or unpacked.
enum CIFARFiles {
    private static let shape: Shape = [3, 32, 32]
    private static let archiveLimit = 1 << 29

    /// One of the files that make a part.
    static func load(
        _ names: [String], folder: String, archive: String, classBytes: Int, classes: Int, from directory: String
    ) throws(TensorError) -> ImageSplit {
        var images: [UInt8] = []
        var labels: [UInt8] = []
        let parts = try contents(names, folder, archive, directory)
        images.reserveCapacity(parts.reduce(0) { $0 + $1.bytes.count })
        for (path, bytes) in parts {
            let size = classBytes + shape.elementCount
            guard !bytes.isEmpty, bytes.count % size == 0 else {
                throw TensorError(
                    .data,
                    "\(path): \(bytes.count) bytes are no records of \(size); the file is truncated or another: get it again"
                )
            }
            for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: size) {
                // The fine class is the last.
                let label = bytes[start + classBytes - 1]
                guard label < classes else {
                    let record = (start - bytes.startIndex) / size
                    throw TensorError(
                        .data, "\(path): class \(label) of record \(record) is not below \(classes); get the file again"
                    )
                }
                labels.append(label)
                images.append(contentsOf: bytes[(start + classBytes)..<(start + size)])
            }
        }
        return ImageSplit(images: images, shape: shape, labels: labels)
    }

    /// The files, unpacked in the directory or its folder, or else in the archive.
    private static func contents(
        _ names: [String], _ folder: String, _ archive: String, _ directory: String
    ) throws(TensorError) -> [(path: String, bytes: ArraySlice<UInt8>)] {
        for place in [directory, "\(directory)/\(folder)"]
        where FileManager.default.fileExists(atPath: "\(place)/\(names[0])") {
            var parts: [(String, ArraySlice<UInt8>)] = []
            for name in names {
                let path = "\(place)/\(name)"
                guard FileManager.default.fileExists(atPath: path) else {
                    throw TensorError(
                        .data, "\(place): \(name) is missing; put it there, or unpack \(archive) again")
                }
                parts.append((path, try FileReader(path: path).readAll(limit: archiveLimit)[...]))
            }
            return parts
        }
        let path = "\(directory)/\(archive)"
        guard FileManager.default.fileExists(atPath: path) else {
            throw TensorError(
                .data, "\(directory): has neither \(names[0]) nor \(archive); put one of them there, or download it")
        }
        let packed = try FileReader(path: path).readAll(limit: archiveLimit)
        let files = try TarArchive(try Gzip.decompress(packed, path: path, limit: archiveLimit), path: path)
        var parts: [(String, ArraySlice<UInt8>)] = []
        for name in names {
            guard let bytes = files.file(name) else {
                throw TensorError(.data, "\(path): holds no \(name); get the archive's binary version again")
            }
            parts.append(("\(path): \(name)", bytes))
        }
        return parts
    }
}
