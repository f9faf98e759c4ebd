import Foundation
import TensorRuntime

/// Initial values of parameters, as [torch.nn.init](https://pytorch.org/docs/stable/nn.init.html) makes them:
///
///     layer.weight.assign(Initialization.xavierUniform(layer.weight.shape))
///
/// They are drawn on the device from the generator's Philox stream. Uniform ones are the same bits on every device, those
/// made of normal ones agree within tolerance. A shape is `[outputs, inputs, kernel...]`; all values are float32.
public enum Initialization {
    /// Uniform in `-bound..<bound`.
    public static func uniform(
        _ shape: Shape, bound: Double, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        uniform(
            shape, bound: bound, generator: generator, device: device, for: "Initialization.uniform",
            at: CallSite(file, line))
    }

    /// Normally distributed.
    public static func normal(
        _ shape: Shape, mean: Double = 0, std: Double = 1, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        Tensor.normal(shape, mean: mean, std: std, generator: generator, device: device, file: file, line: line)
    }

    /// The same number everywhere.
    public static func constant(
        _ shape: Shape, _ value: Double, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        Tensor.full(shape, value, device: device, file: file, line: line)
    }

    // MARK: For layers

    /// [`torch.nn.init.kaiming_uniform_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_)
    /// for a leaky ReLU of this slope: uniform with bound `sqrt(6 / ((1 + slope^2) fanIn))`. The slope `sqrt(5)` of
    /// PyTorch's layers makes the bound `1 / sqrt(fanIn)`.
    public static func kaimingUniform(
        _ shape: Shape, fanIn: Int, slope: Double = 5.0.squareRoot(), generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        kaimingUniform(
            shape, fanIn: fanIn, slope: slope, generator: generator, device: device,
            for: "Initialization.kaimingUniform", at: CallSite(file, line))
    }

    /// ``kaimingUniform(_:fanIn:slope:generator:device:file:line:)`` for a layer, which errors name.
    static func kaimingUniform(
        _ shape: Shape, fanIn: Int, slope: Double = 5.0.squareRoot(), generator: Generator?, device: DeviceID?,
        dtype: DType = .float32, for name: String, at site: CallSite
    ) -> Tensor {
        let bound = fanIn > 0 ? (6 / ((1 + slope * slope) * Double(fanIn))).squareRoot() : 0
        return uniform(
            shape, bound: bound, generator: generator, device: device, dtype: dtype, for: name, at: site)
    }

    /// ``uniform(_:bound:generator:device:file:line:)`` for a layer, which errors name, rounded to the layer's dtype.
    static func uniform(
        _ shape: Shape, bound: Double, generator: Generator?, device: DeviceID?, dtype: DType = .float32,
        for name: String, at site: CallSite
    ) -> Tensor {
        guard shape.isValid, bound.isFinite, bound >= 0 else {
            return Tensor.invalidCreation(
                name, shape.isValid ? "a bound of \(bound)" : "values of shape \(shape)",
                remedy: shape.isValid ? "use a finite number of at least 0" : Tensor.shapeRemedy, shape: [],
                dtype: .float32, device: device, at: site)
        }
        // In -1..<1 without rounding.
        let drawn = (Tensor.uniform(shape, low: -1, high: 1, generator: generator, device: device) * bound)
            .cast(to: dtype)
        // At once, so that no step draws them, and so that the error names the layer.
        do throws(TensorError) {
            try drawn.evaluate()
            return drawn
        } catch {
            let named = TensorError(error.kind, "\(name): \(error.message)")
            return Tensor(drawn.context.failed(named, shape: shape, dtype: dtype))
        }
    }
}
