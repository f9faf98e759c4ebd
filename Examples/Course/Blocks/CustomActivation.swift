import NeedletailTraining

/// Swish, x σ(x), with a gradient of one's own: σ(x) (1 + x (1 - σ(x))).
private func swish(_ x: Tensor) -> Tensor {
    Tensor.custom([x]) {
        x * x.sigmoid()
    } pullback: { gradient, _ in
        let s = x.sigmoid()
        return [gradient * s * (1 + x * (1 - s))]
    }
}

func customActivation(_ lesson: Lesson) throws {
    let x = Tensor([-3, -1, 0, 0.5, 2] as [Float]).requiringGrad()
    let y = swish(x)
    y.sum().backward()

    // PyTorch's silu and its gradient.
    try lesson.expect("swish", y, are: [-0.1422776, -0.2689414, 0, 0.3112297, 1.7615942], within: 1e-6)
    try lesson.expect("its gradient", x.grad!, are: [-0.0881041, 0.0723295, 0.5, 0.7399612, 1.0907843], within: 1e-6)

    // What the library has of its own.
    let other = x.detach().requiringGrad()
    other.silu().sum().backward()
    try lesson.expect("silu's gradient", other.grad!, are: x.grad!, within: 1e-6)

    let grid = Tensor.linspace(-6, 6, count: 241).requiringGrad()
    swish(grid).sum().backward()
    try lesson.draw(
        "custom-activation",
        Chart("Swish", x: "x").line(x: grid.detach(), y: swish(grid.detach()), name: "swish")
            .line(x: grid.detach(), y: grid.grad!, name: "its gradient"))
}
