import NeedletailTraining

/// Max pooling keeps the largest number of each 2x2 window. The 4x4 numbers are our own; the result is the deck's.
func maxPooling(_ lesson: Lesson) throws {
    let image = Tensor(
        [
            [1, 2, 3, 0],
            [0, 1, 2, 1],
            [4, 8, 5, 6],
            [3, 1, 0, 2],
        ] as [[Float]])

    let pool = MaxPool2d(kernel: 2, stride: 2)
    let result = pool(image.unsqueeze(0)).squeeze(0)

    try lesson.expect("max pooling", result, are: [2, 3, 8, 6])
    try lesson.draw(
        "max-pooling",
        Figure(
            try Chart("4x4").heatMap(image, showsValues: true), try Chart("2x2").heatMap(result, showsValues: true)))
}
