import Foundation

/// Initial values of parameters.
///
/// They are drawn on the host from the generator's Philox stream and copied to the device, so that a seed gives the same
/// bits everywhere.
public enum Initialization {
    /// Uniform in `-bound..<bound`, float32.
    public static func uniform(
        _ shape: Shape, bound: Double, generator: Generator? = nil, device: DeviceID? = nil
    ) -> Tensor {
        let count = shape.elementCount
        let start = (generator ?? Generator.current).reserve(count)
        var values: [Float] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            let unit = Philox.uniform(index: UInt64(index), key: start.key, offset: start.offset)
            values.append(Float((2 * Double(unit) - 1) * bound))
        }
        return Tensor(values, shape: shape, device: device)
    }

    /// [`torch.nn.init.kaiming_uniform_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_)
    /// for a leaky ReLU of this slope: uniform with bound `sqrt(6 / ((1 + slope^2) fanIn))`. The slope `sqrt(5)` of
    /// PyTorch's layers makes the bound `1 / sqrt(fanIn)`.
    public static func kaimingUniform(
        _ shape: Shape, fanIn: Int, slope: Double = 5.0.squareRoot(), generator: Generator? = nil,
        device: DeviceID? = nil
    ) -> Tensor {
        let bound = fanIn > 0 ? (6 / ((1 + slope * slope) * Double(fanIn))).squareRoot() : 0
        return uniform(shape, bound: bound, generator: generator, device: device)
    }
}
