import NeedletailTraining

/// Tensors: creating, shapes, arithmetic, devices. Each is printed beside what PyTorch prints.
func tensorsLab(_ lesson: Lesson) throws {
    func show(_ call: String, _ tensor: Tensor, _ pyTorch: String) {
        lesson.say("\n\(call)")
        // PyTorch too says the device where it is not the processor.
        let place = tensor.device == .cpu ? "" : ", device='\(tensor.device)'"
        lesson.expect("\(tensor)", is: pyTorch.dropLast() + place + ")")
    }

    lesson.say("Creating")
    let x = Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]])
    show("Tensor([1, 2, 3])", Tensor([1, 2, 3] as [Int64]), "tensor([1, 2, 3])")
    show("x", x, "tensor([[1., 2., 3.],\n        [4., 5., 6.]])")
    show("Tensor(3.5)", Tensor(3.5 as Float), "tensor(3.5000)")
    show("zeros([2, 3])", Tensor.zeros([2, 3]), "tensor([[0., 0., 0.],\n        [0., 0., 0.]])")
    show("arange(10)", Tensor.arange(10), "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])")
    show(
        "linspace(0, 1, count: 5)", Tensor.linspace(0, 1, count: 5), "tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])")
    show("eye(3)", Tensor.eye(3), "tensor([[1., 0., 0.],\n        [0., 1., 0.],\n        [0., 0., 1.]])")
    show("full([2, 2], 7.5)", Tensor.full([2, 2], 7.5), "tensor([[7.5000, 7.5000],\n        [7.5000, 7.5000]])")
    show("arange(10000)", Tensor.arange(10000), "tensor([   0,    1,    2,  ..., 9997, 9998, 9999])")

    lesson.say("\nShapes")
    lesson.expect("x.shape is \(x.shape)", x.shape == [2, 3])
    show("x.reshape(3, 2)", x.reshape(3, 2), "tensor([[1., 2.],\n        [3., 4.],\n        [5., 6.]])")
    show("x.T", x.T, "tensor([[1., 4.],\n        [2., 5.],\n        [3., 6.]])")
    show("x.unsqueeze(0)", x.unsqueeze(0), "tensor([[[1., 2., 3.],\n         [4., 5., 6.]]])")
    show(
        "concatenate([x, x], axis: 1)", Tensor.concatenate([x, x], axis: 1),
        "tensor([[1., 2., 3., 1., 2., 3.],\n        [4., 5., 6., 4., 5., 6.]])")
    show(
        "stack([x, x])", Tensor.stack([x, x]),
        "tensor([[[1., 2., 3.],\n         [4., 5., 6.]],\n\n        [[1., 2., 3.],\n         [4., 5., 6.]]])")
    show("x[0]", x[0], "tensor([1., 2., 3.])")
    show("x[0..., 1]", x[0..., 1], "tensor([2., 5.])")
    show("x[1, 2]", x[1, 2], "tensor(6.)")
    show("x[x .> 2]", x[x .> 2], "tensor([3., 4., 5., 6.])")

    lesson.say("\nArithmetic")
    show("x + 1", x + 1, "tensor([[2., 3., 4.],\n        [5., 6., 7.]])")
    show("x * x", x * x, "tensor([[ 1.,  4.,  9.],\n        [16., 25., 36.]])")
    show("x / 3", x / 3, "tensor([[0.3333, 0.6667, 1.0000],\n        [1.3333, 1.6667, 2.0000]])")
    show("x.matmul(x.T)", x.matmul(x.T), "tensor([[14., 32.],\n        [32., 77.]])")
    show("x.sum()", x.sum(), "tensor(21.)")
    show("x.sum(axes: 0)", x.sum(axes: 0), "tensor([5., 7., 9.])")
    show("x.mean(axes: 1)", x.mean(axes: 1), "tensor([2., 5.])")
    show("x.argmax(1)", x.argmax(1), "tensor([2, 2])")
    show("x .> 2", x .> 2, "tensor([[False, False,  True],\n        [ True,  True,  True]])")
    show("x.sqrt()", x.sqrt(), "tensor([[1.0000, 1.4142, 1.7321],\n        [2.0000, 2.2361, 2.4495]])")
    let (row, column) = (Tensor([1, 2, 3] as [Int64]), Tensor([[10], [20]] as [[Int64]]))
    show("row + column", row + column, "tensor([[11, 12, 13],\n        [21, 22, 23]])")

    lesson.say("\nDevices")
    lesson.say("an accelerator: \(Accelerator.isAvailable ? "yes" : "none, the processor computes")")
    let moved = try x.to(device: .cpu)
    lesson.expect("moved to \(moved.device)", moved.device == .cpu)
    try lesson.expect("the numbers are the same there", moved, are: [1, 2, 3, 4, 5, 6], within: 0)
}
