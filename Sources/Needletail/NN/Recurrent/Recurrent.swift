import TensorRuntime

/// What ``RNN``, ``LSTM`` and ``GRU`` have in common: layers, directions, dropout between layers, and sequences of lengths of
/// their own.
///
/// Input `[time, batch, inputs]`, with `batchFirst` `[batch, time, inputs]`, or `[time, inputs]` of one sequence; output of
/// the same axes with `directions * hidden` features. States are `[layers * directions, batch, hidden]`, of one sequence
/// without the batch. Weights have PyTorch's names and its order of gates: `weight_ih_l0`, `bias_hh_l1_reverse`.
///
/// Safety: all stored properties are constants of sendable types.
public class Recurrent: Module, @unchecked Sendable {
    private let kind: RecurrentKind
    private let name: String
    private let options: Options
    private let mode = TrainingMode()
    /// By layer, forwards and backwards.
    private let parts: [[RecurrentParameters]]

    /// What the initialisers of all have in common.
    struct Options {
        var inputs: Int
        var hidden: Int
        var layers: Int
        var bias: Bool
        var batchFirst: Bool
        var dropout: Double
        var bidirectional: Bool
        var projection = 0
        var generator: Generator?
        var device: DeviceID?
        var dtype: DType

        var directions: Int { bidirectional ? 2 : 1 }
        /// The features of a state.
        var state: Int { projection > 0 ? projection : hidden }
    }

    init(_ kind: RecurrentKind, _ options: Options, name: String, at site: CallSite) {
        self.kind = kind
        let name = "\(name)(\(options.inputs), \(options.hidden))"
        self.name = name
        self.options = options
        func report(_ problem: String, _ remedy: String) { WrongCall.report(name, problem, remedy: remedy, at: site) }
        if options.layers < 1 { report("\(options.layers) layers", "use 1 or more") }
        if options.hidden < 1 { report("a state of \(options.hidden)", "use 1 or more") }
        if !(0...1).contains(options.dropout) {
            report("dropout \(options.dropout) is not a probability", "give a number from 0 to 1")
        }
        if options.projection < 0 || options.projection >= max(options.hidden, 1) {
            report(
                "a projection to \(options.projection)", "use less than the state's \(options.hidden), or 0 for none")
        }
        parts = (0..<max(options.layers, 0)).map { layer in
            (0..<options.directions).map { _ in
                RecurrentParameters(
                    kind, inputs: layer == 0 ? options.inputs : options.state * options.directions,
                    hidden: max(options.hidden, 0), projection: options.projection, bias: options.bias,
                    generator: options.generator, device: options.device, dtype: options.dtype, for: name, at: site)
            }
        }
    }

    /// The weights of each layer, forwards and backwards, and the mode.
    public final var members: [ModuleMember] {
        let weights = parts.enumerated().flatMap { layer, directions in
            directions.enumerated().flatMap { direction, part in
                part.members("_l\(layer)" + (direction == 1 ? "_reverse" : ""))
            }
        }
        return weights + [ModuleMember("mode", .mode(mode))]
    }

    public final var configuration: String {
        var text = "\(options.inputs), \(options.hidden)"
        if options.projection > 0 { text += ", proj_size=\(options.projection)" }
        if options.layers != 1 { text += ", num_layers=\(options.layers)" }
        if !options.bias { text += ", bias=False" }
        if options.batchFirst { text += ", batch_first=True" }
        if options.dropout != 0 { text += ", dropout=\(Printed.number(options.dropout))" }
        if options.bidirectional { text += ", bidirectional=True" }
        return text
    }

    /// What a call gives: the states of the last layer, the last states of all layers, and those of the cells.
    struct Output {
        var output: Tensor
        var hidden: Tensor
        var cell: Tensor?
    }

    final func run(_ input: Tensor, hidden: Tensor?, cell: Tensor?, lengths: [Int]?) -> Output {
        if let wrong = problem(input, hidden, cell, lengths) {
            let failed = input.invalid(
                name, wrong.problem, remedy: wrong.remedy, [input] + [hidden, cell].compactMap { $0 }, at: nil)
            return Output(output: failed, hidden: failed, cell: kind.hasCell ? failed : nil)
        }
        if input.rank == 2 {
            let axis = options.batchFirst ? 0 : 1
            let result = run(
                input.unsqueeze(axis), hidden: hidden?.unsqueeze(1), cell: cell?.unsqueeze(1), lengths: lengths)
            return Output(
                output: result.output.squeeze(axis), hidden: result.hidden.squeeze(1), cell: result.cell?.squeeze(1))
        }
        let sequence = options.batchFirst ? input.transpose(0, 1) : input
        let dtype = sequence.dtype.promoted(with: parts[0][0].inputWeight.dtype)
        let (time, batch) = (sequence.shape[0], sequence.shape[1])
        let mask = lengths.flatMap { self.mask($0, time: time, like: sequence) }
        let zeros = sequence.filled([batch, options.state], .float(0), dtype: dtype)
        let cellZeros = sequence.filled([batch, options.hidden], .float(0), dtype: dtype)
        var (lastHidden, lastCell): ([Tensor], [Tensor]) = ([], [])
        var value = sequence.cast(to: dtype)
        for (layer, directions) in parts.enumerated() {
            if layer > 0, mode.isTraining { value = value.droppedOut(options.dropout) }
            var outputs: [Tensor] = []
            for (direction, part) in directions.enumerated() {
                let place = layer * options.directions + direction
                func given(_ states: Tensor?, _ zeros: Tensor) -> Tensor {
                    states.map { $0.narrowed(axis: 0, start: place, count: 1).squeeze(0).cast(to: dtype) } ?? zeros
                }
                let run = RecurrentSequence(kind: kind, isReversed: direction == 1, mask: mask)
                let result = run(
                    RecurrentSequence.Inputs(
                        x: part.product(kind, value), h: given(hidden, zeros), weight: part.stateWeight.value,
                        c: kind.hasCell ? given(cell, cellZeros) : nil, projection: part.projection?.value,
                        bias: part.ownStateBias(kind)))
                let last = direction == 1 ? 0 : time - 1
                lastHidden.append(result.states.narrowed(axis: 0, start: last, count: 1).squeeze(0))
                if let c = result.c { lastCell.append(c) }
                outputs.append(mask.map { Tensor.where($0, result.states, 0) } ?? result.states)
            }
            value = outputs.count == 1 ? outputs[0] : Tensor.concatenate(outputs, axis: 2)
        }
        return Output(
            output: options.batchFirst ? value.transpose(0, 1) : value, hidden: Tensor.stack(lastHidden),
            cell: lastCell.isEmpty ? nil : Tensor.stack(lastCell))
    }

    /// Whether each example has each time step, `[time, batch, 1]`; nil where all have all.
    private func mask(_ lengths: [Int], time: Int, like input: Tensor) -> Tensor? {
        if lengths.allSatisfy({ $0 == time }) { return nil }
        let ends = Tensor.host(lengths.map(Int64.init), shape: [1, lengths.count, 1], in: input.context)
        return input.indices([time, 1, 1]) .< ends
    }

    /// What is wrong with a call, if anything.
    private func problem(
        _ input: Tensor, _ hidden: Tensor?, _ cell: Tensor?, _ lengths: [Int]?
    ) -> (problem: String, remedy: String)? {
        let axes = options.batchFirst ? "[batch, time, \(options.inputs)]" : "[time, batch, \(options.inputs)]"
        guard input.rank == 2 || input.rank == 3, input.shape[input.rank - 1] == options.inputs, input.dtype.isFloat,
            !parts.isEmpty
        else { return ("input \(input.dtype)\(input.shape) is not \(axes)", "use floats of those axes") }
        let weight = parts[0][0].inputWeight
        if input.dtype.isMixed(with: weight.dtype) {
            return ("input \(input.dtype)\(input.shape), weights \(weight.dtype)\(weight.shape)", Tensor.mixedRemedy)
        }
        let timeAxis = input.rank == 3 && options.batchFirst ? 1 : 0
        let time = input.shape[timeAxis]
        guard time > 0 else { return ("input \(input.shape) has no time step", "give sequences of 1 or more") }
        let batch = input.rank == 2 ? nil : input.shape[1 - timeAxis]
        let lead = [options.layers * options.directions] + (batch.map { [$0] } ?? [])
        for (state, size, what) in [(hidden, options.state, "state"), (cell, options.hidden, "cell state")] {
            guard let state else { continue }
            let expected = Shape(lead + [size])
            guard state.shape == expected, state.shares(input) else {
                return (
                    "an initial \(what) \(state.shape) on \(state.device)", "use one of \(expected) on \(input.device)"
                )
            }
            if state.dtype.isMixed(with: input.dtype) {
                return ("input \(input.dtype), an initial \(what) of \(state.dtype)", Tensor.mixedRemedy)
            }
        }
        if let lengths, lengths.count != batch ?? 1 || !lengths.allSatisfy({ (1...time).contains($0) }) {
            return ("lengths \(lengths) for input \(input.shape)", "give each example one from 1 to \(time)")
        }
        return nil
    }
}
