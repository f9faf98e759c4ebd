import TensorGraph
import TensorRuntime

/// How a parameter's value is computed from others, as by
/// [torch.nn.utils.parametrize](https://pytorch.org/docs/stable/nn.html#parametrizations): a layer reads its parameter as ever, and
/// what is trained and saved are the parameters that it is computed from.
protocol Parametrization: AnyObject, Sendable {
    /// What takes the parameter's place among the members, under names behind `parametrizations.weight.`
    var members: [ModuleMember] { get }
    /// The parameters that the value is computed from; the first has its dtype and device.
    var originals: [Parameter] { get }

    /// The value. Gradients flow to the originals through it.
    func value() -> Tensor
    /// Makes the originals so that the value becomes `tensor`, where it can.
    func assign(_ tensor: Tensor)
}

extension Module {
    /// The member of that name, of this module itself, if it is a parameter.
    fileprivate func parameter(_ name: String) -> Parameter? {
        for member in members where member.name == name {
            if case .parameter(let parameter) = member.value { return parameter }
        }
        return nil
    }

    /// The parameter that is to be computed from others; nil after an error, which is recorded.
    func parametrizable(_ name: String, for function: String, at site: CallSite) -> Parameter? {
        guard let parameter = parameter(name) else {
            WrongCall.report(
                function, "\(type(of: self)) has no parameter '\(name)'",
                remedy: "name one of the module itself, as namedParameters does", at: site)
            return nil
        }
        guard parameter.parametrization == nil, !parameter.isPart, parameter.dtype.isFloat else {
            let state =
                parameter.parametrization != nil
                ? "computed from others" : parameter.isPart ? "an optimizer's" : "\(parameter.dtype)"
            WrongCall.report(
                function, "'\(name)' of \(type(of: self)) is \(state)",
                remedy: "use it once for a parameter of floats, and make the optimizer after it", at: site)
            return nil
        }
        return parameter
    }

    /// Ends ``weightNorm(_:name:axis:file:line:)`` or ``spectralNorm(_:name:iterations:epsilon:axis:generator:file:line:)``: the
    /// parameter is one of its own again, with the value that was computed last.
    ///
    /// Source: [torch.nn.utils.parametrize.remove_parametrizations](https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.remove_parametrizations.html).
    public func removeParametrizations(
        name: String = "weight", file: StaticString = #fileID, line: UInt = #line
    ) {
        guard let parameter = parameter(name), let parametrization = parameter.parametrization else {
            WrongCall.report(
                "removeParametrizations", "'\(name)' of \(type(of: self)) is not computed from others",
                remedy: "name a parameter that is", at: CallSite(file, line))
            return
        }
        let requiresGrad = parametrization.originals.contains(where: \.requiresGrad)
        let value = withNoGrad { parametrization.value().detach() }
        parameter.parametrize(nil, value: value)
        parameter.requiresGrad = requiresGrad
    }
}

extension ModuleMember {
    /// The members that stand for this one: those of its parametrization, where it is computed from others.
    var expanded: [ModuleMember] {
        guard case .parameter(let parameter) = value, let parametrization = parameter.parametrization else {
            return [self]
        }
        return parametrization.members.map { own in
            ModuleMember(
                "parametrizations.\(name).\(own.name)", own.value, property: property, isOptional: isOptional)
        }
    }
}
