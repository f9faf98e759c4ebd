import Needletail
import NeedletailTraining

extension DeviceDataset {
    /// The images `[count, 1, 28, 28]` and digits of MNIST, pixels scaled to 0...1.
    public convenience init(_ split: MNISTSplit, device: DeviceID? = nil, dtype: DType = .float32) {
        self.init(
            features: split.images, shape: [1, split.rows, split.columns], labels: split.labels, device: device,
            dtype: dtype)
    }
}
