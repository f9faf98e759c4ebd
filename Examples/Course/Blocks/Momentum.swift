import NeedletailTraining

/// Down a narrow bowl, x² + 20 y²: without momentum the path swings from wall to wall; with it the swings cancel and the way
/// along the bottom adds up.
func momentum(_ lesson: Lesson) throws {
    func descend(momentum: Double) throws -> (x: [Double], y: [Double]) {
        let place = Parameter(Tensor([4.5, 2] as [Float]))
        let optimizer = SGD([place], learningRate: 0.045, momentum: momentum)
        var path = (x: [Double](), y: [Double]())
        for _ in 0..<40 {
            path.x.append(try place.value[0].item())
            path.y.append(try place.value[1].item())
            optimizer.zeroGrad()
            let loss = (Tensor([1, 20] as [Float]) * place.value.square()).sum()
            loss.backward()
            try optimizer.step()
        }
        return path
    }
    let plain = try descend(momentum: 0)
    let heavy = try descend(momentum: 0.5)

    func height(_ path: (x: [Double], y: [Double]), _ step: Int) -> Double {
        path.x[step] * path.x[step] + 20 * path.y[step] * path.y[step]
    }
    // v = 0.5 v + gradient, place -= 0.045 v: by hand.
    lesson.expect("x with momentum", Array(heavy.x.prefix(4)), are: [4.5, 4.095, 3.52395, 2.92127])
    lesson.expect("y with momentum", Array(heavy.y.prefix(4)), are: [2, -1.6, -0.52, 0.956])
    lesson.expect("loss after 39 steps, without", height(plain, 39), is: 0.0129338, within: 1e-5)
    lesson.expect("loss after 39 steps, with", height(heavy, 39), atMost: 1e-6)
    try lesson.draw(
        "momentum",
        bowl(steepness: 20).path(x: plain.x, y: plain.y, name: "no momentum")
            .path(x: heavy.x, y: heavy.y, name: "momentum 0.5"))
}
