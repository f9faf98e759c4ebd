import Synchronization
import TensorRuntime

/// A layer or a model: parameters, buffers and other modules that belong together.
///
/// A module says what it consists of by its stored properties: every ``Parameter``, ``Buffer`` and ``Module``, and those
/// in optionals, arrays, dictionaries and tuples, is found, in the order of declaration (dictionaries by their keys), and
/// named as PyTorch would name it. There is nothing to register and no base class to call:
///
///     final class Classifier: UnaryLayer {
///         let hidden = Linear(784, 128)
///         let output = Linear(128, 10)
///
///         func callAsFunction(_ input: Tensor) -> Tensor { output(hidden(input).relu()) }
///     }
///
///     Classifier().namedParameters.map(\.name)  // hidden.weight, hidden.bias, output.weight, output.bias
///
/// How a module is called is its own affair: one that takes a tensor and gives one is a ``UnaryLayer``; another takes two
/// tensors, or a sequence and a state, and has a `callAsFunction` that says so.
///
/// Nothing is silently untrained: a property that holds a parameter, buffer or module in another way, in a struct, an
/// enum's case or a class that is no module, is a programmer's error, and so is one that hides a member of a superclass
/// under its name. A reference to a module that this one is part of (`weak var parent`) is no member.
///
/// Property names become PyTorch's by putting an underscore before a capital: `runningMean` is `running_mean`. A module
/// whose members are named otherwise implements ``members`` itself. Members are looked for when they are asked for (an
/// optimizer does it once), never by a call of the module.
public protocol Module: AnyObject, CustomStringConvertible {
    /// Parameters, buffers, modules and the training mode of this module itself, in order. (optional: by default, what
    /// reflection finds among the stored properties)
    var members: [ModuleMember] { get }

    /// What `print` writes of the module itself between its parentheses, as PyTorch does: `in_features=4, ...`.
    /// (optional: by default, nothing)
    var configuration: String { get }
}

/// A module that makes one tensor of one tensor: what ``Sequential`` calls and a `Trainer` trains.
public protocol UnaryLayer: Module {
    /// What the layer makes of a tensor. What shapes and dtypes it takes stands at each layer; of others the result is one
    /// whose read throws, and the error names layer, shape and remedy.
    func callAsFunction(_ input: Tensor) -> Tensor
}

/// A part of a module, under the name it has there.
public struct ModuleMember {
    /// What a member is.
    public enum Value {
        /// What training changes.
        case parameter(Parameter)
        /// What is saved with the parameters and has no gradient.
        case buffer(Buffer)
        /// One that has members of its own, under its name and a dot.
        case module(any Module)
        /// Where a layer that works differently in training keeps the mode.
        case mode(TrainingMode)
    }

    /// `weight`, `0`: the last part of what stands in a state dictionary.
    public var name: String
    /// The parameter, buffer or module itself, not a copy.
    public var value: Value
    /// The stored property that it was found in; the name where there is none.
    var property: String
    /// Whether that property may hold nothing, as a weak one.
    var isOptional: Bool

    /// For modules that name their members themselves, in ``Module/members``.
    public init(_ name: String, _ value: Value) { self.init(name, value, property: name, isOptional: false) }

    init(_ name: String, _ value: Value, property: String, isOptional: Bool) {
        self.name = name
        self.value = value
        self.property = property
        self.isOptional = isOptional
    }
}

/// Whether a layer trains. Layers that work differently then (``Dropout``, ``BatchNorm2d``) store one, and
/// ``Module/train(_:)`` and ``Module/eval()`` set all that they find.
public final class TrainingMode: Sendable {
    private let state: Atomic<Bool>

    /// Modules train until they are told otherwise.
    public init(isTraining: Bool = true) { state = Atomic(isTraining) }

    /// To be read when the layer is called. Any thread may read and set it.
    public var isTraining: Bool {
        get { state.load(ordering: .relaxed) }
        set { state.store(newValue, ordering: .relaxed) }
    }
}

// MARK: - What a module consists of

extension Module {
    public var members: [ModuleMember] { ModuleReflection.members(of: self) }
    public var configuration: String { "" }

    /// All parameters with their names (`0.weight`, `layers.1.bias`), in order; one that is shared stands once, under
    /// its first name.
    public var namedParameters: [(name: String, parameter: Parameter)] {
        var seen: Set<ObjectIdentifier> = []
        var result: [(name: String, parameter: Parameter)] = []
        visit { name, value in
            if case .parameter(let parameter) = value, seen.insert(ObjectIdentifier(parameter)).inserted {
                result.append((name, parameter))
            }
        }
        return result
    }

    /// All buffers with their names (`1.running_mean`), in order, each once.
    public var namedBuffers: [(name: String, buffer: Buffer)] {
        var seen: Set<ObjectIdentifier> = []
        var result: [(name: String, buffer: Buffer)] = []
        visit { name, value in
            if case .buffer(let buffer) = value, seen.insert(ObjectIdentifier(buffer)).inserted {
                result.append((name, buffer))
            }
        }
        return result
    }

    /// All parameters, in order, each once.
    public var parameters: [Parameter] { namedParameters.map(\.parameter) }

    /// The number of elements of all parameters.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.elementCount } }

    /// Calls `body` with every part of this module and of its modules, in order, under its whole name.
    ///
    /// A reference back is no part: to a module that this one was reached through, or, in an optional property, to one that
    /// holds this one.
    func visit(_ body: (String, ModuleMember.Value) -> Void) {
        visit(prefix: "", within: []) { name, member in body(name, member.value) }
    }

    /// Whether `module` is reached from this one by properties that always hold one.
    private func holds(_ module: any Module, seen: inout Set<ObjectIdentifier>) -> Bool {
        guard seen.insert(ObjectIdentifier(self)).inserted else { return false }
        for member in members where !member.isOptional {
            guard case .module(let part) = member.value else { continue }
            if part === module || part.holds(module, seen: &seen) { return true }
        }
        return false
    }

    /// The members without references back, where this module was reached through `outer`.
    func parts(within outer: [ObjectIdentifier]) -> [ModuleMember] {
        members.flatMap(\.expanded).filter { member in
            guard case .module(let module) = member.value else { return true }
            if module === self || outer.contains(ObjectIdentifier(module)) { return false }
            var seen: Set<ObjectIdentifier> = []
            return !(member.isOptional && module.holds(self, seen: &seen))
        }
    }

    /// As ``visit(_:)``, with each whole member.
    func visit(prefix: String, within outer: [ObjectIdentifier], _ body: (String, ModuleMember) -> Void) {
        for member in parts(within: outer) {
            let name = prefix.isEmpty ? member.name : "\(prefix).\(member.name)"
            body(name, member)
            if case .module(let module) = member.value {
                module.visit(prefix: name, within: outer + [ObjectIdentifier(self)], body)
            }
        }
    }
}

// MARK: - Modes

extension Module {
    /// Sets all layers to training, or to evaluation.
    public func train(_ isTraining: Bool = true) {
        visit { _, value in
            if case .mode(let mode) = value { mode.isTraining = isTraining }
        }
    }

    /// Sets all layers to evaluation: dropout lets everything pass, normalisations use their running statistics.
    public func eval() { train(false) }

    /// Whether a layer that can tell is training; true where none can.
    public var isTraining: Bool {
        let modes = modes
        return modes.isEmpty || modes.contains(where: \.isTraining)
    }

    /// The modes of all layers that have one.
    private var modes: [TrainingMode] {
        var modes: [TrainingMode] = []
        visit { _, value in
            if case .mode(let mode) = value { modes.append(mode) }
        }
        return modes
    }

    /// What each layer's mode is now, to be set again: a layer that is frozen in a model that trains stays frozen.
    package func savedModes() -> [(mode: TrainingMode, isTraining: Bool)] { modes.map { ($0, $0.isTraining) } }

    /// Sets the gradient of all parameters to nil.
    public func zeroGrad() { for parameter in parameters { parameter.zeroGrad() } }

    /// Converts all float parameters, with their gradients, and all float buffers to another float dtype; integer buffers stay
    /// as they are. Parameters stay the objects that they are, so that an optimizer made before goes on with them: its
    /// state follows at its next step.
    ///
    /// Source: [torch.nn.Module.to](https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to).
    public func to(dtype: DType, file: StaticString = #fileID, line: UInt = #line) {
        guard dtype.isFloat else {
            WrongCall.report(
                "to(dtype:)", "a module cannot be of \(dtype)", remedy: "use a float type: .float32, .bfloat16",
                at: CallSite(file, line))
            return
        }
        for parameter in parameters where parameter.dtype.isFloat && parameter.dtype != dtype {
            parameter.replace(parameter.value.detach().to(dtype))
            if let gradient = parameter.grad { parameter.grad = gradient.detach().to(dtype) }
        }
        for (_, buffer) in namedBuffers where buffer.dtype.isFloat { buffer.replace(buffer.value.to(dtype)) }
    }

    /// Moves all parameters, with their gradients, and all buffers to a device. An optimizer's state follows at its next
    /// step.
    ///
    /// - Throws: `deviceUnavailable`, `outOfMemory`; what was moved until then stays moved.
    public func to(device: DeviceID) throws(TensorError) {
        for parameter in parameters {
            parameter.replace(try parameter.value.detach().to(device: device))
            if let gradient = parameter.grad { parameter.grad = try gradient.detach().to(device: device) }
        }
        for (_, buffer) in namedBuffers { buffer.replace(try buffer.value.to(device: device)) }
    }
}
