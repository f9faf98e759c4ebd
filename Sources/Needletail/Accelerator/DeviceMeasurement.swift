import TensorRuntime

/// How fast a device is at two small things: which of several to prefer.
public struct DeviceMeasurement: Sendable {
    /// The device that was measured.
    public let device: DeviceID
    /// Billions of floating-point operations in a second of a product of two 512x512 matrices of float32.
    public let gigaflops: Double
    /// Billions of bytes in a second of a copy of 8 MiB to the device and back.
    public let copiedGigabytes: Double

    private static let extent = 512
    private static let copiedCount = 2 << 20

    /// Measures a device, each thing as the median of 5 after one that does not count.
    ///
    /// - Throws: `deviceUnavailable`, and what the device throws.
    public init(of device: DeviceID) throws {
        self.device = device
        let extent = DeviceMeasurement.extent
        let (product, copy) = try withDevice(device) {
            let a = Tensor.ones([extent, extent])
            let b = Tensor.ones([extent, extent]) * 0.5
            try evaluate(a, b)
            let product = try DeviceMeasurement.medianSeconds {
                let product = a.matmul(b)
                try product.evaluate()
                try synchronize(device)
            }
            let numbers = [Float](repeating: 1, count: DeviceMeasurement.copiedCount)
            let copy = try DeviceMeasurement.medianSeconds {
                _ = try Tensor(numbers).scalars(as: Float.self)
            }
            return (product, copy)
        }
        gigaflops = 2 * Double(extent * extent * extent) / product / 1e9
        copiedGigabytes = 2 * Double(DeviceMeasurement.copiedCount * MemoryLayout<Float>.size) / copy / 1e9
    }

    private static func medianSeconds(_ body: () throws -> Void) throws -> Double {
        try body()
        let clock = ContinuousClock()
        var times: [Double] = []
        for _ in 0..<5 { times.append(try clock.measure(body) / .seconds(1)) }
        return max(times.sorted()[2], .leastNormalMagnitude)
    }
}
