import NeedletailTraining

/// A 1-D convolution is a product with a matrix whose rows hold the kernel, each one place further right.
func convolutionAsMatrix(_ lesson: Lesson) throws {
    let signal = Tensor([1, 3, 2, 5, 4, 6] as [Float])
    let kernel = Tensor([0.5, 1, -1.5] as [Float])

    var matrix = Tensor.zeros([4, 6])
    for row in 0..<4 { matrix[row, row..<row + 3] = kernel }
    let product = matrix.matmul(signal)
    let convolution = Tensor.conv1d(signal.reshape(1, 1, 6), weight: kernel.reshape(1, 1, 3)).flatten()

    lesson.say("\(matrix)")
    try lesson.expect("matrix times signal", product, are: [0.5, -4, 0, -2.5])
    try lesson.expect("conv1d", convolution, are: product)
    try lesson.draw("convolution-as-matrix", Chart("A convolution's matrix").heatMap(matrix, showsValues: true))
}
