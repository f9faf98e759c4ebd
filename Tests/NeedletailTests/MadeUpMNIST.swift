import TestSupport

extension NeedletailTool {
    /// The package's MNIST files.
    static let datasets = ImportTests.root.appendingPathComponent("Datasets/mnist").path
}

/// MNIST's four files made up, or with one of them spoilt.
struct MadeUpMNIST {
    let directory = TemporaryDirectory()

    /// - Parameters:
    ///   - train: the number of training images; 10 are to test with.
    ///   - labelCount: nil for as many as images.
    init(train: Int = 20, labelCount: Int? = nil, wrongLabel: UInt8? = nil) {
        for (stem, count) in [("train", train), ("t10k", 10)] {
            let isTrain = stem == "train"
            let pixels = (0..<count * 784).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
            directory.write(
                MadeUpMNIST.header(3, [count, 28, 28]) + pixels, to: "\(stem)-images-idx3-ubyte")
            var labels = (0..<(isTrain ? labelCount ?? count : count)).map { UInt8($0 % 10) }
            if isTrain, let wrongLabel { labels[labels.count / 2] = wrongLabel }
            directory.write(MadeUpMNIST.header(1, [labels.count]) + labels, to: "\(stem)-labels-idx1-ubyte")
        }
    }

    var path: String { directory.path }

    private static func header(_ rank: UInt8, _ extents: [Int]) -> [UInt8] {
        [0, 0, 8, rank]
            + extents.flatMap { extent in (0..<4).map { UInt8(truncatingIfNeeded: extent >> (24 - 8 * $0)) } }
    }
}
