import NeedletailTraining

/// A convolution of a 7x7 image by a 3x3 kernel, place by place: each is the sum of a window's products.
/// The image is one of our own; the kernel is that of vertical edges.
func convolutionSteps(_ lesson: Lesson) throws {
    let image = Tensor(
        [
            [3, 0, 1, 2, 7, 4, 1],
            [1, 5, 8, 9, 3, 1, 0],
            [2, 7, 2, 5, 1, 3, 4],
            [0, 1, 3, 1, 7, 8, 2],
            [4, 2, 1, 6, 2, 8, 5],
            [2, 4, 5, 2, 3, 9, 6],
            [1, 3, 0, 2, 4, 1, 7],
        ] as [[Float]])
    let kernel = Tensor([[1, 0, -1], [1, 0, -1], [1, 0, -1]] as [[Float]])

    var places: [Double] = []
    for row in 0..<5 {
        for column in 0..<5 {
            let window = image[row..<row + 3, column..<column + 3]
            places.append(try (window * kernel).sum().item())
        }
    }
    let result = Tensor.conv2d(image.reshape(1, 1, 7, 7), weight: kernel.reshape(1, 1, 3, 3)).reshape(5, 5)

    // By hand and by numpy's.
    let wanted: [Double] = [
        -5, -4, 0, 8, 6,
        -10, -2, 2, 3, 5,
        0, -2, -4, -7, -1,
        -3, -2, -3, -16, -1,
        1, -1, -3, -8, -9,
    ]
    lesson.expect("window by window", places, are: wanted)
    try lesson.expect("conv2d", result, are: wanted)
    try lesson.draw(
        "convolution-steps",
        Figure(
            try Chart("Image").heatMap(image, colors: .gray, showsValues: true),
            try Chart("Kernel").heatMap(kernel, showsValues: true),
            try Chart("Result").heatMap(result, showsValues: true)))
}
