import Foundation
import NeedletailTraining

/// A generator and a discriminator: one makes points of noise, the other tells them from real ones, which lie on a circle.
/// Measured by how far made points are from the circle, and whether they are all around it.
func gan(_ lesson: Lesson) throws {
    let generator = Sequential {
        Linear(4, 32)
        LeakyReLU(slope: 0.2)
        Linear(32, 32)
        LeakyReLU(slope: 0.2)
        Linear(32, 2)
    }
    let discriminator = Sequential {
        Linear(2, 32)
        LeakyReLU(slope: 0.2)
        Linear(32, 32)
        LeakyReLU(slope: 0.2)
        Linear(32, 1)
    }
    let generatorOptimizer = Adam(generator.parameters, learningRate: 1e-3, betas: (0.5, 0.999))
    let discriminatorOptimizer = Adam(discriminator.parameters, learningRate: 1e-3, betas: (0.5, 0.999))
    let criterion = BCEWithLogitsLoss()
    let (real, fake) = (Tensor.ones([128, 1]), Tensor.zeros([128, 1]))

    let steps = lesson.isQuick ? 1000 : 3000
    for step in 1...steps {
        let angle = Tensor.uniform([128], low: 0, high: 2 * .pi)
        let points = Tensor.stack([angle.cos(), angle.sin()], axis: 1) + Tensor.normal([128, 2], std: 0.05)
        let made = generator(Tensor.normal([128, 4]))

        discriminatorOptimizer.zeroGrad()
        let realLoss = criterion(discriminator(points), real)
        let fakeLoss = criterion(discriminator(made.detach()), fake)
        (realLoss + fakeLoss).backward()
        try discriminatorOptimizer.step()

        generatorOptimizer.zeroGrad()
        let generatorLoss = criterion(discriminator(made), real)
        generatorLoss.backward()
        try generatorOptimizer.step()

        if step % (steps / 5) == 0 {
            try lesson.say("step \(step): D \((realLoss + fakeLoss).item()), G \(generatorLoss.item())")
        }
    }

    let points = try withNoGrad { generator(Tensor.normal([500, 4])) }.scalars(as: Float.self)
    let (x, y) = ((0..<500).map { points[2 * $0] }, (0..<500).map { points[2 * $0 + 1] })
    let distances = zip(x, y).map { abs(Double(hypot($0, $1)) - 1) }
    let eighths = Set(zip(x, y).map { Int(((atan2($1, $0) + .pi) / (2 * .pi) * 8).rounded(.down)) % 8 })
    lesson.expect(
        "mean distance from the circle", distances.reduce(0, +) / 500, atMost: lesson.isQuick ? 0.25 : 0.15)
    lesson.expect("eighths of the circle reached", Double(eighths.count), atLeast: 8)
    try lesson.draw(
        "gan",
        Chart("Points made by a GAN", x: "x₁", y: "x₂")
            .line(
                x: (0...100).map { cos(Double($0) * .pi / 50) }, y: (0...100).map { sin(Double($0) * .pi / 50) },
                name: "real"
            )
            .scatter(x: x, y: y, name: "made"))
}
