import Needletail
import NeedletailTraining
import TensorRuntime

/// Images of one size with their classes, on the host: the training or the test part of a data set.
public struct ImageSplit: Dataset, Hashable {
    /// The pixels, image by image, plane by plane, row by row.
    public let images: [UInt8]
    /// Of one image: channels, height, width.
    public let shape: Shape
    /// The class of each image.
    public let labels: [UInt8]

    public var count: Int { labels.count }

    /// An image as uint8 `[channels, height, width]`, and its class.
    public func example(at index: Int) throws -> Example {
        guard labels.indices.contains(index) else {
            throw TensorError(
                .invalidArgument, "example \(index): there are \(count); use a number of at least 0, below \(count)")
        }
        let size = shape.elementCount
        return Example(
            HostArray(Array(images[(index * size)..<((index + 1) * size)]), shape: shape),
            HostArray(Int64(labels[index])))
    }

    /// The first `limit` images, or all where there are fewer.
    public func prefix(_ limit: Int) -> ImageSplit {
        let kept = max(0, min(limit, count))
        return ImageSplit(
            images: Array(images.prefix(kept * shape.elementCount)), shape: shape, labels: Array(labels.prefix(kept)))
    }
}

extension DeviceDataset {
    /// Images `[count, channels, height, width]` and classes, pixels scaled to 0...1.
    public convenience init(_ split: ImageSplit, device: DeviceID? = nil, dtype: DType = .float32) {
        self.init(
            features: split.images, shape: split.shape, labels: split.labels, device: device, dtype: dtype)
    }
}
