import Needletail
import Testing

/// Recurrent layers and attention against PyTorch's.
@Suite struct GoldenSequenceTests {
    private static func rnn(
        _ name: String, lengths: [Int]? = nil, _ make: @escaping @Sendable @autoclosure () -> RNN
    ) -> ModuleCase {
        .module(name, make()) { module, x in
            let result = module(x[0], state: x.count > 1 ? x[1] : nil, lengths: lengths)
            return [result.output, result.state]
        }
    }

    private static func gru(
        _ name: String, lengths: [Int]? = nil, _ make: @escaping @Sendable @autoclosure () -> GRU
    ) -> ModuleCase {
        .module(name, make()) { module, x in
            let result = module(x[0], state: x.count > 1 ? x[1] : nil, lengths: lengths)
            return [result.output, result.state]
        }
    }

    private static func lstm(
        _ name: String, lengths: [Int]? = nil, _ make: @escaping @Sendable @autoclosure () -> LSTM
    ) -> ModuleCase {
        .module(name, make()) { module, x in
            let state = x.count > 1 ? LSTM.State(hidden: x[1], cell: x[2]) : nil
            let result = module(x[0], state: state, lengths: lengths)
            return [result.output, result.state.hidden, result.state.cell]
        }
    }

    static let recurrent: [ModuleCase] = [
        rnn("rnn", RNN(3, 2)), rnn("rnn_relu", RNN(3, 2, nonlinearity: .relu, bidirectional: true)),
        rnn("rnn_lengths", lengths: [2, 4, 1], RNN(3, 2, bias: false, batchFirst: true)), gru("gru", GRU(3, 2)),
        gru("gru_state", GRU(3, 2, layers: 2, batchFirst: true, bidirectional: true)),
        gru("gru_lengths", lengths: [4, 1, 3], GRU(3, 2, bidirectional: true)),
        gru("gru_no_bias", GRU(2, 3, bias: false)), lstm("lstm", LSTM(3, 2)), lstm("lstm_single", LSTM(3, 2)),
        lstm("lstm_state", LSTM(3, 2, layers: 2, batchFirst: true, bidirectional: true)),
        lstm("lstm_lengths", lengths: [1, 4, 2], LSTM(3, 2, layers: 2, bidirectional: true)),
        lstm("lstm_projection", LSTM(3, 4, bidirectional: true, projection: 2)),
        lstm("lstm_one_step", LSTM(3, 2, bias: false)),
        .module("rnn_cell", RNNCell(3, 2)) { [$0($1[0], state: $1[1])] },
        .module("rnn_cell_relu", RNNCell(3, 2, nonlinearity: .relu)) { [$0($1[0])] },
        .module("gru_cell", GRUCell(3, 2)) { [$0($1[0], state: $1[1])] },
        .module("gru_cell_single", GRUCell(3, 2, bias: false)) { [$0($1[0], state: $1[1])] },
        .module("lstm_cell", LSTMCell(3, 2)) {
            let state = $0($1[0], state: LSTM.State(hidden: $1[1], cell: $1[2]))
            return [state.hidden, state.cell]
        },
    ]

    private static func multihead(
        _ name: String, _ make: @escaping @Sendable @autoclosure () -> MultiheadAttention,
        _ call: @escaping @Sendable (MultiheadAttention, [Tensor]) -> (output: Tensor, weights: Tensor?)
    ) -> ModuleCase {
        .module(name, make()) { module, x in
            let result = call(module, x)
            return [result.output] + [result.weights].compactMap { $0 }
        }
    }

    private static let small = TransformerOptions(feedForward: 6)
    private static let first = TransformerOptions(feedForward: 6, batchFirst: true, normFirst: true)
    private static let gelu = TransformerOptions(
        feedForward: 6, activation: .gelu, batchFirst: true, normFirst: true, bias: false)

    static let attention: [ModuleCase] = [
        .function("plain") { [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2])] },
        .function("causal") { [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], isCausal: true)] },
        .function("scaled") { [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], scale: 0.3)] },
        .function("masked") { [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], mask: $0[3])] },
        .function("added") { [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], mask: $0[3])] },
        .function("grouped") {
            [scaledDotProductAttention(query: $0[0], key: $0[1], value: $0[2], groupedHeads: true)]
        },
        multihead("self", MultiheadAttention(4, heads: 2)) {
            $0(query: $1[0], key: $1[0], value: $1[0], needsWeights: true)
        },
        multihead("cross", MultiheadAttention(4, heads: 2, bias: false, batchFirst: true)) {
            $0(query: $1[0], key: $1[1], value: $1[1], needsWeights: true, averagesWeights: false)
        },
        multihead("sizes", MultiheadAttention(4, heads: 2, keySize: 3, valueSize: 5)) {
            $0(query: $1[0], key: $1[1], value: $1[2], needsWeights: true)
        },
        multihead(
            "masks", MultiheadAttention(4, heads: 2, addsKeyValueBias: true, addsZeroAttention: true, batchFirst: true)
        ) {
            $0(query: $1[0], key: $1[0], value: $1[0], keyPaddingMask: $1[1], mask: $1[2], needsWeights: true)
        },
        multihead("heads_mask", MultiheadAttention(4, heads: 2)) {
            $0(query: $1[0], key: $1[0], value: $1[0], mask: $1[1], needsWeights: false)
        },
        multihead("single", MultiheadAttention(4, heads: 1)) {
            $0(query: $1[0], key: $1[1], value: $1[1], needsWeights: true)
        },
        multihead("three", MultiheadAttention(4, heads: 2)) {
            $0(query: $1[0], key: $1[1], value: $1[2], needsWeights: false)
        },
        .module("encoder_layer", isTraining: false, TransformerEncoderLayer(4, heads: 2, small)) { [$0($1[0])] },
        .module("encoder_layer_first", isTraining: false, TransformerEncoderLayer(4, heads: 2, gelu)) {
            [$0($1[0], keyPaddingMask: $1[1])]
        },
        .module("decoder_layer", isTraining: false, TransformerDecoderLayer(4, heads: 2, small)) {
            [$0($1[0], memory: $1[1])]
        },
        .module("decoder_layer_first", isTraining: false, TransformerDecoderLayer(4, heads: 2, first)) {
            [$0($1[0], memory: $1[1], isCausal: true)]
        },
        .module("transformer", isTraining: false, Transformer(4, heads: 2, encoderLayers: 2, decoderLayers: 1, small)) {
            [$0(source: $1[0], target: $1[1])]
        },
        .function("sinusoidal") { [SinusoidalPositions(6)($0[0])] },
        .function("rotary") { [RotaryPositions()($0[0])] },
        .function("rotary_neighbours") { [RotaryPositions(pairing: .neighbours)($0[0])] },
    ]

    static let files: [(file: GoldenFile, rows: [ModuleCase])] = [
        (GoldenFile("recurrent_modules"), recurrent), (GoldenFile("attention_modules"), attention),
    ]

    @Test(arguments: files.indices) func layersArePyTorchs(_ index: Int) throws {
        let (file, rows) = GoldenSequenceTests.files[index]
        for row in rows { try withDevice(.cpu) { try row.compare(with: file) } }
    }

    @Test(arguments: files.indices, GraphDevice.wanted.filter { $0 != .cpu })
    func layersOnOtherDevicesArePyTorchs(_ index: Int, _ device: GraphDevice) throws {
        let (file, rows) = GoldenSequenceTests.files[index]
        try device.run { _ in for row in rows { try row.compare(with: file) } }
    }

    @Test func everyCaseOfTheFilesIsChecked() {
        for (file, rows) in GoldenSequenceTests.files { #expect(rows.map(\.name).sorted() == file.moduleCases) }
    }

    /// A gradient of a gradient runs the steps on the tape: it is that of the steps written out with cells.
    @Test func gradientsOfGradientsOfARecurrentLayerAreThoseOfItsCells() throws {
        try withDevice(.cpu) {
            let x = Tensor(sampleNumbers(24), shape: [4, 2, 3]).requiringGrad()
            let lengths = [4, 2]
            let layer = LSTM(3, 2)
            let cell = LSTMCell(3, 2)
            for (a, b) in zip(cell.parameters, layer.parameters) { a.assign(b.value.detach()) }
            func second(_ output: Tensor, _ weight: Parameter) throws -> [Float] {
                let first = try #require(
                    gradients(of: output.square().sum(), withRespectTo: [x], createGraph: true)[0])
                let found = try #require(
                    gradients(of: first.square().sum(), withRespectTo: [weight.value, x])[0])
                return try found.scalars(as: Float.self)
            }
            let whole = try second(layer(x, lengths: lengths).output, layer.parameters[1])
            var state = LSTM.State(hidden: Tensor.zeros([2, 2]), cell: Tensor.zeros([2, 2]))
            var outputs: [Tensor] = []
            for time in 0..<4 {
                let next = cell(x.narrow(axis: 0, start: time, count: 1).squeeze(0), state: state)
                let isHere = Tensor(lengths.map { Int64($0) }, shape: [2, 1]) .> time
                outputs.append(Tensor.where(isHere, next.hidden, 0))
                state = LSTM.State(
                    hidden: Tensor.where(isHere, next.hidden, state.hidden),
                    cell: Tensor.where(isHere, next.cell, state.cell))
            }
            let written = try second(Tensor.stack(outputs), cell.parameters[1])
            #expect(isClose(whole, written.map(Double.init)))
        }
    }

    /// One product and one kernel a step forwards, and five launches backwards.
    @Test func aTimeStepOfAnLSTMIsFewLaunches() throws {
        func launches(_ time: Int) throws -> (forward: UInt64, both: UInt64) {
            try withOwnDevice { context in
                let layer = LSTM(8, 16)
                let x = Tensor(sampleNumbers(time * 4 * 8), shape: [time, 4, 8])
                for parameter in layer.parameters { try parameter.value.evaluate() }
                var before = context.statistics
                try withNoGrad { () throws(TensorError) in try layer(x).output.evaluate() }
                let forward = (context.statistics - before).launches
                before = context.statistics
                layer(x).output.sum().backward()
                for parameter in layer.parameters { try parameter.grad!.evaluate() }
                return (UInt64(forward), UInt64((context.statistics - before).launches))
            }
        }
        let (short, long) = (try launches(4), try launches(12))
        #expect(long.forward - short.forward <= 8 * 2)
        #expect(long.both - short.both <= 8 * 7)
    }

    @Test func wrongCallsOfSequencesSayWhatToDo() throws {
        func message(_ body: () -> Tensor) -> String {
            let error = #expect(throws: TensorError.self) { try checked { body() } }
            return error?.message ?? ""
        }
        let x = Tensor.ones([4, 2, 3])
        #expect(message { LSTM(5, 2)(x).output }.contains("LSTM(5, 2): input float32[4, 2, 3] is not [time, batch, 5]"))
        #expect(message { GRU(3, 2)(x, state: Tensor.ones([1, 1, 2])).output }.contains("use one of [1, 2, 2]"))
        #expect(message { RNN(3, 2)(x, lengths: [5, 1]).output }.contains("give each example one from 1 to 4"))
        #expect(message { RNN(3, 2)(Tensor.ones([0, 2, 3])).output }.contains("no time step"))
        #expect(message { GRUCell(3, 2)(Tensor.ones([2, 4])) }.contains("use floats [batch, 3]"))
        let attention = #expect(throws: TensorError.self) { try checked { MultiheadAttention(5, heads: 2) } }
        #expect(attention?.message.contains("2 heads do not divide 5") == true)
        #expect(
            message { MultiheadAttention(4, heads: 2)(query: x, key: x, value: x).output }.contains("use features of 4")
        )
        #expect(
            message { scaledDotProductAttention(query: x, key: Tensor.ones([4, 2, 2]), value: x) }
                .contains("scaledDotProductAttention: query [4, 2, 3], key [4, 2, 2]"))
        #expect(message { RotaryPositions()(x) }.contains("an even size"))
    }
}
