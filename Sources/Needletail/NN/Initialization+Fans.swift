import Foundation
import TensorRuntime

// Values whose spread keeps that of what flows through a layer.

extension Initialization {
    /// Which spread is kept: that of values on the way forward, or of gradients on the way back.
    public enum FanMode: String, Hashable, Sendable, CaseIterable {
        /// By the inputs of each output, or by the outputs of each input.
        case fanIn, fanOut
    }

    /// What follows a layer, as
    /// [torch.nn.init.calculate_gain](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain) takes it.
    public enum Nonlinearity: Hashable, Sendable {
        /// By name; `linear` and `convolution` stand for no function.
        case linear, convolution, sigmoid, tanh, relu, selu
        /// Of this slope where values are negative.
        case leakyReLU(slope: Double)

        /// By how much the spread of values shrinks there.
        public var gain: Double {
            switch self {
            case .linear, .convolution, .sigmoid: 1
            case .tanh: 5.0 / 3
            case .relu: 2.0.squareRoot()
            case .selu: 0.75
            case .leakyReLU(let slope): (2 / (1 + slope * slope)).squareRoot()
            }
        }
    }

    /// How many values each output is made of, and into how many each input goes; nil of shapes below rank 2.
    static func fans(of shape: Shape) -> (in: Int, out: Int)? {
        guard shape.isValid, shape.rank >= 2 else { return nil }
        let kernel = shape.dropFirst(2).reduce(1, *)
        return (shape[1] * kernel, shape[0] * kernel)
    }

    /// Uniform with bound `gain sqrt(6 / (fanIn + fanOut))`, after Glorot and Bengio, as
    /// [xavier_uniform_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_).
    public static func xavierUniform(
        _ shape: Shape, gain: Double = 1, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let (name, site) = ("Initialization.xavierUniform", CallSite(file, line))
        guard let fans = fans(of: shape) else { return noFans(name, shape, device, site) }
        let bound = gain * (6 / Double(max(fans.in + fans.out, 1))).squareRoot()
        return uniform(shape, bound: bound, generator: generator, device: device, for: name, at: site)
    }

    /// Normal with standard deviation `gain sqrt(2 / (fanIn + fanOut))`, after Glorot and Bengio, as
    /// [xavier_normal_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_).
    public static func xavierNormal(
        _ shape: Shape, gain: Double = 1, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let fans = fans(of: shape) else {
            return noFans("Initialization.xavierNormal", shape, device, CallSite(file, line))
        }
        let std = gain * (2 / Double(max(fans.in + fans.out, 1))).squareRoot()
        return normal(shape, std: std, generator: generator, device: device, file: file, line: line)
    }

    /// Uniform with bound `gain sqrt(3 / fan)`, after He et al., as
    /// [kaiming_uniform_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_).
    public static func kaimingUniform(
        _ shape: Shape, mode: FanMode = .fanIn, nonlinearity: Nonlinearity = .leakyReLU(slope: 0),
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let (name, site) = ("Initialization.kaimingUniform", CallSite(file, line))
        guard let fans = fans(of: shape) else { return noFans(name, shape, device, site) }
        let bound = nonlinearity.gain * (3 / Double(max(mode == .fanIn ? fans.in : fans.out, 1))).squareRoot()
        return uniform(shape, bound: bound, generator: generator, device: device, for: name, at: site)
    }

    /// Normal with standard deviation `gain / sqrt(fan)`, after He et al., as
    /// [kaiming_normal_](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_).
    public static func kaimingNormal(
        _ shape: Shape, mode: FanMode = .fanIn, nonlinearity: Nonlinearity = .leakyReLU(slope: 0),
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let fans = fans(of: shape) else {
            return noFans("Initialization.kaimingNormal", shape, device, CallSite(file, line))
        }
        let std = nonlinearity.gain / Double(max(mode == .fanIn ? fans.in : fans.out, 1)).squareRoot()
        return normal(shape, std: std, generator: generator, device: device, file: file, line: line)
    }

    private static func noFans(_ name: String, _ shape: Shape, _ device: DeviceID?, _ site: CallSite) -> Tensor {
        Tensor.invalidCreation(
            name, "shape \(shape) has no inputs and outputs", remedy: "give a shape [outputs, inputs, ...]", shape: [],
            dtype: .float32, device: device, at: site)
    }
}
