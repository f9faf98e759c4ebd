import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// How many launches layers take, by the counters: what is written for a reader is written where that reads it, and nothing is
/// copied between.
@Suite struct LaunchCountTests {
    /// Launches of one evaluation of what `body` makes.
    private func launches(_ context: DeviceContext, _ body: () throws -> [Tensor]) throws -> Int {
        try context.flushAll()
        let before = context.statistics.launches
        try evaluate(try body())
        return context.statistics.launches - before
    }

    enum Recurrence: CaseIterable {
        case rnn, lstm, gru

        func make() -> (module: any Module, call: (Tensor, [Int]?) -> Tensor) {
            switch self {
            case .rnn:
                let rnn = RNN(3, 4)
                return (rnn, { rnn($0, lengths: $1).output })
            case .lstm:
                let lstm = LSTM(3, 4)
                return (lstm, { lstm($0, lengths: $1).output })
            case .gru:
                let gru = GRU(3, 4)
                return (gru, { gru($0, lengths: $1).output })
            }
        }
    }

    /// Launches of a sequence forwards, and with all gradients.
    private func launches(
        _ recurrence: Recurrence, time: Int, hasLengths: Bool, on device: GraphDevice
    ) throws -> (forward: Int, whole: Int) {
        try device.run { context in
            let x = Tensor(sampleNumbers(time * 6), shape: [time, 2, 3]).requiringGrad()
            let lengths = hasLengths ? [time, time - 1] : nil
            let (module, call) = recurrence.make()
            let forward = try launches(context) { [withNoGrad { call(x, lengths) }] }
            let whole = try launches(context) {
                call(x, lengths).square().sum().backward()
                return [x.grad!] + module.parameters.map { $0.grad! }
            }
            return (forward, whole)
        }
    }

    @Test(arguments: Recurrence.allCases, [false, true])
    func aTimeStepIsTwoLaunchesForwardsAndOneBackwards(_ recurrence: Recurrence, _ hasLengths: Bool) throws {
        let short = try launches(recurrence, time: 4, hasLengths: hasLengths, on: .cpu)
        let long = try launches(recurrence, time: 12, hasLengths: hasLengths, on: .cpu)
        let (forward, whole) = (long.forward - short.forward, long.whole - short.whole)
        #expect(forward <= 8 * 2, "\(recurrence): \(short), \(long)")
        #expect(whole - forward <= 8 * (hasLengths ? 2 : 1), "\(recurrence): \(short), \(long)")
    }

    @Test(arguments: Recurrence.allCases, GraphDevice.wanted.filter { $0 != .cpu })
    func aTimeStepIsAsFewOnOtherDevices(_ recurrence: Recurrence, _ device: GraphDevice) throws {
        let short = try launches(recurrence, time: 4, hasLengths: false, on: device)
        let long = try launches(recurrence, time: 6, hasLengths: false, on: device)
        let (forward, whole) = (long.forward - short.forward, long.whole - short.whole)
        #expect(forward <= 2 * 2, "\(recurrence): \(short), \(long)")
        #expect(whole - forward <= 2 * 4, "\(recurrence): \(short), \(long)")
    }

    @Test func attentionIsTwoProductsAndARowKernelBetweenProjections() throws {
        try withOwnDevice { context in
            let mask = Tensor([Float](repeating: 0, count: 35) + [-.infinity], shape: [6, 6])
            let padding = Tensor([false, true] + [Bool](repeating: false, count: 10), shape: [2, 6])
            let attention = MultiheadAttention(8, heads: 2, batchFirst: true)
            try evaluate(attention.parameters.map(\.value) + [mask, padding])
            for (mask, padding, isCausal) in [
                (nil, nil, false), (nil, nil, true), (mask, nil, false), (mask, nil, true), (nil, padding, false),
            ] {
                let x = Tensor(sampleNumbers(2 * 6 * 8), shape: [2, 6, 8]).requiringGrad()
                func call() -> Tensor {
                    attention(
                        query: x, key: x, value: x, keyPaddingMask: padding, mask: mask, isCausal: isCausal
                    ).output
                }
                let what = "mask \(mask != nil), padding \(padding != nil), causal \(isCausal)"
                // The projections, the scores, the softmax, the values.
                let forward = try launches(context) { [withNoGrad { call() }] }
                #expect(forward == 5, "\(what)")
                let whole = try launches(context) {
                    attention.zeroGrad()
                    call().square().sum().backward()
                    return [x.grad!] + attention.parameters.map { $0.grad! }
                }
                // The loss's gradient; of each of the four products both gradients, and the biases' sums; the softmax's.
                #expect(whole - forward <= 1 + 8 + 2 + 1, "\(what)")
            }
        }
    }

    @Test func anEncoderLayerIsSixProductsAndFourKernels() throws {
        try withOwnDevice { context in
            let x = Tensor(sampleNumbers(2 * 6 * 8), shape: [2, 6, 8]).requiringGrad()
            let layer = TransformerEncoderLayer(8, heads: 2, TransformerOptions(feedForward: 16, batchFirst: true))
            try evaluate(layer.parameters.map(\.value))
            // Behind the products stand the softmax, both normalisations with what is added to them, and the activation.
            let forward = try launches(context) { [withNoGrad { layer(x) }] }
            #expect(forward == 6 + 4)
            let whole = try launches(context) {
                layer(x).square().sum().backward()
                return [x.grad!] + layer.parameters.map { $0.grad! }
            }
            // Of each product both gradients; two kernels for each normalisation's weights and input, the activation's and
            // softmax's gradients, two sums for biases, and the sum where the input is read twice.
            #expect(whole - forward <= 12 + 4 + 2 + 2 + 1, "\(whole), of them \(forward) forwards")
        }
    }

    @Test func theGradientOfASplitIsOneConcatenation() throws {
        try withOwnDevice { context in
            let x = Tensor(sampleNumbers(24), shape: [4, 6]).requiringGrad()
            let found = try launches(context) {
                let parts = (x * 2).split(2, axis: 1)
                let total = parts[0].square() * parts[1].exp() * parts[2].sin()
                total.sum().backward()
                return [x.grad!]
            }
            let expected = try {
                let y = x.detach().requiringGrad()
                let two = y * 2
                // The same with the parts as products with masks, which are not slices.
                let column = Tensor((0..<6).map { Float($0) }, shape: [1, 6])
                func part(_ index: Int) -> Tensor {
                    let mask = ((column .>= Double(2 * index)).logicalAnd(column .< Double(2 * index + 2)))
                        .to(dtype: .float32)
                    return (two * mask).reshape(4, 3, 2).sum(axes: 1)
                }
                (part(0).square() * part(1).exp() * part(2).sin()).sum().backward()
                return try y.grad!.scalars(as: Float.self)
            }()
            #expect(isClose(try x.grad!.scalars(as: Float.self), expected.map(Double.init)))
            #expect(found <= 3)
        }
    }

    @Test(arguments: GraphDevice.wanted) func aPoolingWithIndicesIsOneLaunch(_ device: GraphDevice) throws {
        try device.run { context in
            let x = Tensor(sampleNumbers(2 * 3 * 36), shape: [2, 3, 6, 6])
            let pools = [
                MaxPool2d(kernel: 2), MaxPool2d(kernel: 3, stride: 2, padding: 1),
                MaxPool2d(kernel: [2, 3], stride: 1, dilation: 2),
            ]
            for pool in pools {
                var results: [Tensor] = []
                let found = try launches(context) {
                    let (values, indices) = pool.withIndices(x)
                    results = [values, indices]
                    return results
                }
                #expect(found == 1, "\(pool)")
                let values = try results[0].scalars(as: Float.self)
                #expect(try values == pool(x).scalars(as: Float.self), "\(pool)")
                let picked = x.reshape(2, 3, 36).takeAlong(results[1].reshape(2, 3, -1), axis: 2)
                #expect(try values == picked.scalars(as: Float.self), "\(pool)")
            }
            let line = Tensor(sampleNumbers(2 * 3 * 9), shape: [2, 3, 9])
            #expect(
                try launches(context) {
                    let (values, indices) = MaxPool1d(kernel: 3).withIndices(line)
                    return [values, indices]
                } == 1)
        }
    }
}
