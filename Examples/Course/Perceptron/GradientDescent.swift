import NeedletailTraining

/// Gradient descent from scratch: by all examples, by one, and by a mini-batch.
///
/// The deck's mini-batch divides a gradient by the number of batches. A batch's mean is its sum by the number of its
/// examples, as here; by 10 batches of 20 the deck's is twice as long, by 20 of 10 half.
func gradientDescent(_ lesson: Lesson) throws {
    let x = Tensor.normal([200, 2])
    let trueWeights = Tensor([3, -2], dtype: .float32)
    let y = x.matmul(trueWeights) + 1 + Tensor.normal([200], std: 0.1)

    lesson.say(
        "A mini-batch's gradient is divided by the batch's 20 examples, not by the 10 batches, as the deck has it.")
    var chart = Chart("Weights on their way", x: "w₁", y: "w₂").scatter(x: [3], y: [-2], name: "true")
    for (name, size, rate, epochs) in [
        ("all", 200, 0.1, 100), ("stochastic", 1, 0.01, 2), ("mini-batch", 20, 0.05, 15),
    ] {
        var w = Tensor.zeros([2])
        var b = Tensor.zeros([])
        var path: [[Double]] = [[0, 0]]
        for _ in 1...epochs {
            let order = Tensor.permutation(200)
            for start in stride(from: 0, to: 200, by: size) {
                let places = order[start..<start + size]
                let (batchX, batchY) = (x.indexSelect(index: places), y.indexSelect(index: places))
                let error = batchX.matmul(w) + b - batchY
                w -= (batchX.T.matmul(error) * 2 / size) * rate
                b -= error.mean() * 2 * rate
            }
            path.append(try w.plotted().values)
        }
        let found = try w.plotted().values + [b.item()]
        lesson.expect("\(name), batches of \(size): weights and bias", found, are: [3, -2, 1], within: 0.1)
        chart = chart.path(x: path.map { $0[0] }, y: path.map { $0[1] }, name: name)
    }
    try lesson.draw("gradient-descent", chart)
}
