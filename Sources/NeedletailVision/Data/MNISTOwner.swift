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
