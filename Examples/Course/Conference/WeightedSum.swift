import NeedletailTraining

/// The deck's two neurons, worked: a weighted sum of the inputs and a bias.
func weightedSum(_ lesson: Lesson) throws {
    let inputs = Tensor([3, 2] as [Float], shape: [2])
    for (weights, bias, wanted) in [([0.5, 1.5], 1.0, 5.5), ([-0.5, 1], -2, -1.5)] {
        let weight = Tensor(weights.map { Float($0) }, shape: [2])
        let output = (inputs * weight).sum() + bias
        lesson.expect("3·\(weights[0]) + 2·\(weights[1]) + \(bias)", try output.item(), is: wanted)
    }
}
