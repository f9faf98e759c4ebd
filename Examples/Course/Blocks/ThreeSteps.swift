import NeedletailTraining

/// Learning in three steps, again and again: compute the loss, compute its gradient, move against it. Here on the bowl
/// x² + 2 y², from (4, 2), at rate 0.1.
func threeSteps(_ lesson: Lesson) throws {
    let place = Parameter(Tensor([4, 2] as [Float]))
    let steepness = Tensor([1, 2] as [Float])
    let rate = 0.1

    var (xs, ys) = ([Double](), [Double]())
    for _ in 0..<20 {
        xs.append(try place.value[0].item())
        ys.append(try place.value[1].item())
        let loss = (steepness * place.value.square()).sum()  // 1. the loss
        place.zeroGrad()
        loss.backward()  // 2. its gradient
        place.assign(place.value - rate * place.grad!)  // 3. a step against it
    }

    // Each step leaves 1 - 2 · 0.1 of x, and 1 - 4 · 0.1 of y.
    lesson.expect("x of the first steps", Array(xs.prefix(4)), are: [4, 3.2, 2.56, 2.048])
    lesson.expect("y of the first steps", Array(ys.prefix(4)), are: [2, 1.2, 0.72, 0.432])
    try lesson.draw("three-steps", bowl(steepness: 2).path(x: xs, y: ys, name: "rate 0.1"))
}

/// The heights of x² + steepness · y².
func bowl(steepness: Double) -> Chart {
    let x = (-25...25).map { Double($0) / 5 }
    let y = (-15...15).map { Double($0) / 5 }
    let heights = y.map { y in x.map { x in x * x + steepness * y * y } }
    return Chart("A quadratic bowl", x: "x", y: "y").contour(heights, x: x, y: y, label: "loss")
}
