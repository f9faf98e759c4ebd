import TensorRuntime

/// The three recurrences, and a step of each, forwards and backwards.
///
/// `x` is the step's part of the input's product, `[batch, gates * hidden]`, `h` the state, `[batch, hidden]`. Formulas and
/// the order of gates are those of [torch.nn.LSTM](https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html),
/// [torch.nn.GRU](https://pytorch.org/docs/stable/generated/torch.nn.GRU.html) and
/// [torch.nn.RNN](https://pytorch.org/docs/stable/generated/torch.nn.RNN.html).
enum RecurrentKind: Sendable {
    case tanh, relu, lstm, gru

    /// The gates that the products make.
    var gates: Int {
        switch self {
        case .tanh, .relu: 1
        case .gru: 3
        case .lstm: 4
        }
    }

    var hasCell: Bool { self == .lstm }

    /// Whether a product with the state has a bias of its own that the input's cannot take.
    var needsStateBias: Bool { self == .gru }
}

/// What a step makes, and what its pullback reads.
struct RecurrentStep {
    /// The state behind the step; before a projection.
    var h: Tensor
    var c: Tensor?
    /// The sum of both products, or of a GRU the state's.
    var product: Tensor
}

/// What a step's pullback makes.
struct RecurrentGradients {
    /// By the input's product and the state's, which are the same but for a GRU; of that, by the new gate of the input's
    /// product, the reset and update gate of both, and the new gate of the state's, so that a step writes each once.
    var gates: Tensor
    /// By the state, without its way through the product; nil is none.
    var h: Tensor?
    var c: Tensor?
}

extension RecurrentKind {
    /// One step, from the state's product `[batch, gates * hidden]`: one fused kernel.
    func step(_ x: Tensor, _ product: Tensor, h: Tensor, c: Tensor?) -> RecurrentStep {
        switch self {
        case .tanh:
            let sum = x + product
            return RecurrentStep(h: sum.tanh(), c: nil, product: sum)
        case .relu:
            let sum = x + product
            return RecurrentStep(h: sum.relu(), c: nil, product: sum)
        case .lstm:
            let sum = x + product
            let (i, f, g, o) = (sum.gate(0, 4).sigmoid(), sum.gate(1, 4), sum.gate(2, 4).tanh(), sum.gate(3, 4))
            let next = f.sigmoid() * c! + i * g
            return RecurrentStep(h: o.sigmoid() * next.tanh(), c: next, product: sum)
        case .gru:
            let r = (x.gate(0, 3) + product.gate(0, 3)).sigmoid()
            let z = (x.gate(1, 3) + product.gate(1, 3)).sigmoid()
            let n = (x.gate(2, 3) + r * product.gate(2, 3)).tanh()
            return RecurrentStep(h: n + z * (h - n), c: nil, product: product)
        }
    }

    /// The pullback of ``step(_:_:h:c:)``: one fused kernel.
    ///
    /// - Parameters:
    ///   - h, c: the state before the step.
    ///   - made: what the step made.
    ///   - dh, dc: the gradients by the state behind it; `dc` is nil where there is none.
    func pullback(
        _ x: Tensor, h: Tensor, c: Tensor?, made: RecurrentStep, dh: Tensor, dc: Tensor?
    ) -> RecurrentGradients {
        switch self {
        case .tanh:
            let d = dh * (1.0 - made.h.square())
            return RecurrentGradients(gates: d, h: nil, c: nil)
        case .relu:
            let d = Tensor.where(made.h .> 0, dh, 0)
            return RecurrentGradients(gates: d, h: nil, c: nil)
        case .lstm:
            let sum = made.product
            let (i, f) = (sum.gate(0, 4).sigmoid(), sum.gate(1, 4).sigmoid())
            let (g, o) = (sum.gate(2, 4).tanh(), sum.gate(3, 4).sigmoid())
            let t = made.c!.tanh()
            let through = dh * o * (1.0 - t.square())
            let d = dc.map { through + $0 } ?? through
            let di = d * g * (i * (1.0 - i))
            let df = d * c! * (f * (1.0 - f))
            let dg = d * i * (1.0 - g.square())
            let dOutput = dh * t * (o * (1.0 - o))
            let all = Tensor.concatenate([di, df, dg, dOutput], axis: 1)
            return RecurrentGradients(gates: all, h: nil, c: d * f)
        case .gru:
            let product = made.product
            let r = (x.gate(0, 3) + product.gate(0, 3)).sigmoid()
            let z = (x.gate(1, 3) + product.gate(1, 3)).sigmoid()
            let state = product.gate(2, 3)
            let n = (x.gate(2, 3) + r * state).tanh()
            let dn = dh * (1.0 - z) * (1.0 - n.square())
            let dz = dh * (h - n) * (z * (1.0 - z))
            let dr = dn * state * (r * (1.0 - r))
            return RecurrentGradients(
                gates: Tensor.concatenate([dn, dr, dz, dn * r], axis: 1), h: dh * z, c: nil)
        }
    }

    /// The part of ``RecurrentGradients/gates`` by the state's product. Axes: `[..., gates]`.
    func byProduct(_ gates: Tensor) -> Tensor {
        guard self == .gru else { return gates }
        let (axis, size) = (gates.rank - 1, gates.shape[gates.rank - 1] / 4)
        return gates.narrowed(axis: axis, start: size, count: 3 * size)
    }

    /// The part of ``RecurrentGradients/gates`` by the input's product, whose new gate is the last.
    func byInput(_ gates: Tensor) -> Tensor {
        guard self == .gru else { return gates }
        let (axis, size) = (gates.rank - 1, gates.shape[gates.rank - 1] / 4)
        return Tensor.concatenate(
            [
                gates.narrowed(axis: axis, start: size, count: 2 * size),
                gates.narrowed(axis: axis, start: 0, count: size),
            ], axis: axis)
    }
}

extension Tensor {
    /// One of the equal parts of the last of two axes.
    fileprivate func gate(_ number: Int, _ count: Int) -> Tensor {
        let size = shape[1] / count
        return narrowed(axis: 1, start: number * size, count: size)
    }
}
