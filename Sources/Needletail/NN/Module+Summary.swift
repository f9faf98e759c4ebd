import TensorRuntime

/// The modules of a model in order, with what they make and hold: printed as a table.
public struct ModuleSummary: Sendable, CustomStringConvertible {
    /// A line of the table: a module, what it made, and what it holds.
    public struct Row: Sendable {
        /// The whole name, `0.1`; empty of the model itself.
        public var name: String
        /// The name of the module's class: `Linear`.
        public var kind: String
        /// What the module made; nil where it was not called by a ``Sequential``.
        public var output: Shape?
        /// The elements of the parameters of the module itself, without those of its modules.
        public var parameterCount: Int
    }

    /// In the order of the members, the model itself first, each module before those it holds.
    public var rows: [Row]
    /// The elements of all parameters, each counted once.
    public var parameterCount: Int
    /// Those of parameters that training changes.
    public var trainableCount: Int

    public var description: String {
        let cells = rows.map { row in
            let depth = row.name.isEmpty ? 0 : row.name.count { $0 == "." } + 1
            let name = row.name.isEmpty ? row.kind : "\(row.name): \(row.kind)"
            return (
                String(repeating: "  ", count: depth) + name, row.output.map { "\($0)" } ?? "-",
                row.parameterCount == 0 ? "-" : "\(row.parameterCount)"
            )
        }
        let header = [("Layer", "Output", "Parameters")]
        let widths = (header + cells).reduce((0, 0)) { (max($0.0, $1.0.count), max($0.1, $1.1.count)) }
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: width - text.count) }
        let lines = (header + cells).map { "\(padded($0.0, widths.0))  \(padded($0.1, widths.1))  \($0.2)" }
        let total = "\(parameterCount) parameters, \(trainableCount) of them trainable"
        return (lines + [total]).joined(separator: "\n")
    }
}

extension Module {
    /// The modules of this one in order, with the numbers of their parameters.
    fileprivate func summary(of outputs: [ObjectIdentifier: Shape]) -> ModuleSummary {
        var seen: Set<ObjectIdentifier> = []
        func own(_ module: any Module) -> Int {
            module.members.flatMap(\.expanded).reduce(0) { count, member in
                guard case .parameter(let parameter) = member.value,
                    seen.insert(ObjectIdentifier(parameter)).inserted
                else { return count }
                return count + parameter.shape.elementCount
            }
        }
        func row(_ name: String, _ module: any Module) -> ModuleSummary.Row {
            ModuleSummary.Row(
                name: name, kind: String("\(Swift.type(of: module))".prefix { $0 != "<" }),
                output: outputs[ObjectIdentifier(module)], parameterCount: own(module))
        }
        var rows = [row("", self)]
        visit { name, value in
            if case .module(let module) = value { rows.append(row(name, module)) }
        }
        let trainable = parameters.filter(\.requiresGrad).reduce(0) { $0 + $1.shape.elementCount }
        return ModuleSummary(rows: rows, parameterCount: parameterCount, trainableCount: trainable)
    }

    /// The modules of this one in order, with the numbers of their parameters.
    public func summary() -> ModuleSummary { summary(of: [:]) }
}

extension UnaryLayer {
    /// The modules of this one in order, with what they make of an input and the numbers of their parameters. The model is
    /// called once, in evaluation and without gradients; shapes are known of the model and of what a ``Sequential`` calls.
    ///
    ///     print(model.summary(input: Tensor.zeros([1, 1, 28, 28])))
    public func summary(input: Tensor) -> ModuleSummary {
        let modes = savedModes()
        eval()
        defer { for (mode, isTraining) in modes { mode.isTraining = isTraining } }
        let record = LayerRecord()
        let result = LayerPlace.recording(in: record) { withNoGrad { self(input) } }
        record.outputs[ObjectIdentifier(self)] = result.shape
        return summary(of: record.outputs)
    }
}
