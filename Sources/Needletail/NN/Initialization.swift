import Foundation
import TensorRuntime

/// Initial values of parameters.
///
/// They are drawn on the host from the generator's Philox stream and copied to the device, so that a seed gives the same
/// bits everywhere.
public enum Initialization {
    /// Uniform in `-bound..<bound`, float32.
    public static func uniform(
        _ shape: Shape, bound: Double, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        uniform(
            shape, bound: bound, generator: generator, device: device, for: "Initialization.uniform",
            at: CallSite(file, line))
    }

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
        for name: String, at site: CallSite
    ) -> Tensor {
        let bound = fanIn > 0 ? (6 / ((1 + slope * slope) * Double(fanIn))).squareRoot() : 0
        return uniform(shape, bound: bound, generator: generator, device: device, for: name, at: site)
    }

    /// ``uniform(_:bound:generator:device:file:line:)`` for a layer, which errors name.
    static func uniform(
        _ shape: Shape, bound: Double, generator: Generator?, device: DeviceID?, for name: String, at site: CallSite
    ) -> Tensor {
        guard shape.isValid else {
            return Tensor.invalidCreation(
                name, "values of shape \(shape)", remedy: Tensor.shapeRemedy, shape: [], dtype: .float32,
                device: device, at: site)
        }
        let context = Tensor.creationContext(device, at: site)
        let count = shape.elementCount
        let start = (generator ?? .current).reserve(count)
        do throws(TensorError) {
            let values = try withHostMemory(count, of: Float.self, for: name) { values in
                fill(values, from: start) { Float((2 * Double($0) - 1) * bound) }
            }
            return Tensor.host(values, shape: shape, in: context)
        } catch {
            return Tensor(context.failed(error, shape: shape, dtype: .float32))
        }
    }

    /// Makes element `i` of `values` from number `i` of the stream, a float32 in 0..<1. Each block of the stream is
    /// computed once, for its four numbers.
    private static func fill(
        _ values: UnsafeMutableBufferPointer<Float>, from start: Generator.State, _ value: (Float) -> Float
    ) {
        var next = 0
        while next < values.count {
            let position = start.offset &+ UInt64(next)
            let words = Philox.block(counter: position >> 2, key: start.key)
            let first = Int(position & 3)
            let count = Swift.min(4 - first, values.count - next)
            for word in 0..<count {
                values.initializeElement(at: next + word, to: value(Philox.uniform(of: words[first + word])))
            }
            next += count
        }
    }
}
