import TensorRuntime

/// Named tensors in an order: what a module's parameters and buffers hold.
public struct StateDictionary: Sendable {
    /// A tensor and its name.
    public struct Entry: Sendable {
        /// As PyTorch has it: `layers.1.weight`.
        public var name: String
        /// What is saved, without its past.
        public var tensor: Tensor
    }

    /// All tensors, in the order in which they were added.
    public private(set) var entries: [Entry] = []
    private var places: [String: Int] = [:]

    /// A dictionary without tensors.
    public init() {}

    /// The names, in order.
    public var names: [String] { entries.map(\.name) }
    /// How many tensors there are.
    public var count: Int { entries.count }

    /// The tensor of that name. Setting appends, replaces, or with nil removes.
    public subscript(name: String) -> Tensor? {
        get { places[name].map { entries[$0].tensor } }
        set {
            switch (places[name], newValue) {
            case (let place?, let tensor?): entries[place].tensor = tensor
            case (nil, let tensor?):
                places[name] = entries.count
                entries.append(Entry(name: name, tensor: tensor))
            case (let place?, nil):
                entries.remove(at: place)
                places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
            case (nil, nil): break
            }
        }
    }
}

/// How the names of a state dictionary went with a module's.
public struct StateDictionaryReport: Hashable, Sendable {
    /// Names that both have, whose tensors were assigned.
    public var applied: [String] = []
    /// Names of the module that the dictionary does not have.
    public var missing: [String] = []
    /// Names of the dictionary that the module does not have.
    public var unexpected: [String] = []
}

extension Module {
    /// The current values of all parameters and buffers, without their past. A shared parameter stands under each of its
    /// names, as in PyTorch.
    ///
    /// Two members that have one name (`hiddenLayer` and `hidden_layer`) are a programmer's error: one would be lost.
    public func stateDictionary(file: StaticString = #fileID, line: UInt = #line) -> StateDictionary {
        if let problem = sharedName {
            WrongCall.report("stateDictionary", problem, remedy: renaming, at: CallSite(file, line))
        }
        var result = StateDictionary()
        visit { name, value in
            switch value {
            case .parameter(let parameter): result[name] = parameter.value.detach()
            case .buffer(let buffer): result[name] = buffer.value
            case .module, .mode: break
            }
        }
        return result
    }

    /// Assigns the tensors to the parameters and buffers of their names, on the devices and in the dtypes of those, as
    /// PyTorch's `copy_` does.
    ///
    /// All names and shapes are checked before anything is assigned.
    ///
    /// - Parameter strict: whether missing and unexpected names are errors; otherwise they are only reported.
    /// - Throws: `data` for missing or unexpected names, or a shape that differs; `invalidArgument` where two
    ///   members of the module have one name; `outOfMemory`.
    @discardableResult
    public func load(stateDictionary: StateDictionary, strict: Bool = true) throws(TensorError) -> StateDictionaryReport
    {
        if let problem = sharedName { throw .wrongCall("load(stateDictionary:)", problem, remedy: renaming) }
        var targets: [(name: String, now: Tensor, assign: (Tensor) -> Void)] = []
        visit { name, value in
            switch value {
            case .parameter(let parameter):
                targets.append((name, parameter.value.detach(), { parameter.assign($0) }))
            case .buffer(let buffer):
                targets.append((name, buffer.value, { buffer.assign($0) }))
            case .module, .mode: break
            }
        }
        var report = StateDictionaryReport()
        let known = Set(targets.map(\.name))
        report.applied = targets.map(\.name).filter { stateDictionary[$0] != nil }
        report.missing = targets.map(\.name).filter { stateDictionary[$0] == nil }
        report.unexpected = stateDictionary.names.filter { !known.contains($0) }
        if strict, let name = report.missing.first {
            throw TensorError(
                .data,
                "state dictionary: '\(name)'\(others(report.missing)) is missing; load the weights of this model, or pass strict: false"
            )
        }
        if strict, let name = report.unexpected.first {
            throw TensorError(
                .data,
                "state dictionary: '\(name)'\(others(report.unexpected)) is not in the model; load the weights of this "
                    + "model, or pass strict: false")
        }
        var assignments: [(tensor: Tensor, assign: (Tensor) -> Void)] = []
        for target in targets {
            guard let tensor = stateDictionary[target.name] else { continue }
            let now = target.now
            guard tensor.shape == now.shape else {
                throw TensorError(
                    .data,
                    "state dictionary: '\(target.name)' is \(tensor.dtype)\(tensor.shape), but \(now.dtype)\(now.shape) "
                        + "in the model; load the weights of this model")
            }
            // Converted where it is: the model's device may lack the dtype.
            let same = tensor.dtype == now.dtype ? tensor : tensor.detach().to(now.dtype)
            let isThere = same.context === now.context
            assignments.append((isThere ? same : try same.detach().to(device: now.device), target.assign))
        }
        for (tensor, assign) in assignments { assign(tensor) }
        return report
    }

    /// Two different parameters or buffers of one name, if there are any.
    private var sharedName: String? {
        var known: [String: (object: ObjectIdentifier, property: String)] = [:]
        var problem: String?
        visit(prefix: "", within: []) { name, member in
            let object: ObjectIdentifier
            switch member.value {
            case .parameter(let parameter): object = ObjectIdentifier(parameter)
            case .buffer(let buffer): object = ObjectIdentifier(buffer)
            case .module(let module): object = ObjectIdentifier(module)
            case .mode: return
            }
            if let other = known[name], other.object != object, problem == nil {
                problem = "the members '\(other.property)' and '\(member.property)' are both named '\(name)'"
            }
            known[name] = (object, member.property)
        }
        return problem
    }

    private var renaming: String { "rename one of them, or implement members" }

    private func others(_ names: [String]) -> String {
        names.count == 1 ? "" : " (and \(names.count - 1) more)"
    }
}
