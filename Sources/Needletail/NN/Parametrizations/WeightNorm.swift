import TensorRuntime

/// A weight of a direction and lengths: `g v / |v|`.
private final class WeightNorm: Parametrization {
    let length: Parameter
    let direction: Parameter
    /// The axes that a norm is over; none is all.
    private let axes: [Int]
    private let keepsAxes: Bool

    init(_ parameter: Parameter, axis: Int?) {
        let value = withNoGrad { parameter.value.detach() }
        axes = (0..<value.rank).filter { $0 != axis }
        keepsAxes = axis != nil
        length = Parameter(
            WeightNorm.norm(value, axes, keepsAxes).detach(), requiresGrad: parameter.requiresGrad)
        direction = Parameter(value, requiresGrad: parameter.requiresGrad)
    }

    private static func norm(_ value: Tensor, _ axes: [Int], _ keepsAxes: Bool) -> Tensor {
        // No axis at all would be all of them.
        if axes.isEmpty { return value.abs() }
        return value.norm(p: 2, axes: axes, keepDims: keepsAxes)
    }

    var originals: [Parameter] { [direction, length] }
    var members: [ModuleMember] {
        [ModuleMember("original0", .parameter(length)), ModuleMember("original1", .parameter(direction))]
    }

    func value() -> Tensor {
        let v = direction.value
        return v * (length.value / WeightNorm.norm(v, axes, keepsAxes))
    }

    func assign(_ tensor: Tensor) {
        length.replace(withNoGrad { WeightNorm.norm(tensor.detach(), axes, keepsAxes) })
        direction.replace(tensor)
    }
}

/// Makes a module's parameter the product of lengths and directions, which are trained in its place: of each slice along an
/// axis its 2-norm and itself, so that `w = g v / |v|`.
///
/// The state dictionary has `parametrizations.weight.original0` (g) and `original1` (v) then, as PyTorch's. Optimizers are made
/// after it. ``Module/removeParametrizations(name:file:line:)`` ends it.
/// Source: [torch.nn.utils.parametrizations.weight_norm](https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html).
///
/// - Parameters:
///   - name: the parameter's, in the module itself.
///   - axis: whose slices have a length each; nil is one length of all.
/// - Returns: the module.
@discardableResult
public func weightNorm<Layer: Module>(
    _ module: Layer, name: String = "weight", axis: Int? = 0, file: StaticString = #fileID, line: UInt = #line
) -> Layer {
    let site = CallSite(file, line)
    guard let parameter = module.parametrizable(name, for: "weightNorm", at: site) else { return module }
    let shape = parameter.shape
    let place = axis.flatMap { shape.rank > 0 ? shape.normalizedAxis($0) : nil }
    guard axis == nil || place != nil else {
        WrongCall.report(
            "weightNorm", "axis \(axis!) of '\(name)', which is \(shape)", remedy: "use one of its axes, or nil",
            at: site)
        return module
    }
    parameter.parametrize(WeightNorm(parameter, axis: place))
    return module
}
