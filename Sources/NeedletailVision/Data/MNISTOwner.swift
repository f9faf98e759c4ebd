import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// Whose files lie in a directory: those of MNIST and of Fashion-MNIST have the same names, and are told apart by what their labels
/// are.
enum MNISTOwner {
    /// MD5 of the files of labels, unpacked.
    private static let labels: [String: ImageCollection] = [
        "a25bea736e30d166cdddb491f175f624": .mnist, "27ae3e4e09519cfbb04c329615203637": .mnist,
        "9018921c3c673c538a1fc5bad174d6f9": .fashionMNIST, "15d484375f8d13e6eb1aabb0c3f46965": .fashionMNIST,
    ]

    /// Of those of MNIST's images, unpacked.
    private static let images: [String: ImageCollection] = [
        "6bbc9ace898e44ae57da46a324031adb": .mnist, "2646ac647ad5339dbf082846283269ea": .mnist,
    ]

    /// Bytes of any of the files at most, unpacked.
    private static let imageLimit = 1 << 26

    /// Whose file these bytes are: one as its page gives it, or packed otherwise. Nil where that is not known.
    static func owner(of bytes: [UInt8], path: String) -> ImageCollection? {
        let sum = MD5.digest(of: bytes)
        let owner = [ImageCollection.mnist, .fashionMNIST].first { $0.files.contains { $0.md5 == sum } }
        if let owner { return owner }
        guard Gzip.isCompressed(bytes), let plain = try? Gzip.decompress(bytes, path: path, limit: imageLimit) else {
            return nil
        }
        let plainSum = MD5.digest(of: plain)
        return labels[plainSum] ?? images[plainSum]
    }

    /// Whose labels these are.
    static func owner(ofLabels values: [UInt8]) -> ImageCollection? {
        let extent = (0..<4).map { UInt8(truncatingIfNeeded: values.count >> (24 - 8 * $0)) }
        return labels[MD5.digest(of: [0, 0, 8, 1] + extent + values)]
    }

    /// Bytes of a file of labels at most that is known.
    private static let limit = 1 << 17

    /// Which collections' labels a directory has; none of files that are another's, or cannot be read.
    static func known(_ directory: String) -> Set<ImageCollection> {
        Set(
            MNISTFiles.labelPaths(in: directory).compactMap { path -> ImageCollection? in
                guard var bytes = try? FileReader(path: path).readAll(limit: limit) else { return nil }
                if Gzip.isCompressed(bytes) {
                    guard let plain = try? Gzip.decompress(bytes, path: path, limit: limit) else { return nil }
                    bytes = plain
                }
                return labels[MD5.digest(of: bytes)]
            })
    }

    /// The other collection whose files are in a directory; nil where there are none.
    static func other(than collection: ImageCollection, in directory: String) -> ImageCollection? {
        known(directory).first { $0 != collection }
    }
}
