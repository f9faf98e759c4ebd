import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime
import TestSupport

/// Small made-up images whose class can be learned: class k is bright in rows 2k and 2k + 1.
enum TrainingSample {
    static func bytes(count: Int) -> (images: [UInt8], labels: [UInt8]) {
        var images: [UInt8] = []
        var labels: [UInt8] = []
        for index in 0..<count {
            let label = Int(Philox.word(index: UInt64(index), key: 77, offset: 0) % 10)
            labels.append(UInt8(label))
            for pixel in 0..<784 {
                let noise = UInt8(Philox.word(index: UInt64(index * 784 + pixel), key: 78, offset: 0) % 100)
                images.append(pixel / 28 / 2 == label ? 155 + noise : noise)
            }
        }
        return (images, labels)
    }

    static func dataset(count: Int) -> DeviceDataset {
        let (images, labels) = bytes(count: count)
        return DeviceDataset(features: images, shape: [1, 28, 28], labels: labels)
    }

    /// Writes the four files of MNIST with these images, plain.
    static func write(to directory: TemporaryDirectory, count: Int, testCount: Int = 50) {
        for (stem, count) in [("train", count), ("t10k", testCount)] {
            let (images, labels) = bytes(count: count)
            let extent: [UInt8] = [
                UInt8(count >> 24), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255),
            ]
            directory.write(
                [0, 0, 8, 3] + extent + [0, 0, 0, 28, 0, 0, 0, 28] + images, to: "\(stem)-images-idx3-ubyte")
            directory.write([0, 0, 8, 1] + extent + labels, to: "\(stem)-labels-idx1-ubyte")
        }
    }
}
