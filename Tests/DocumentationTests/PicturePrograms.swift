import NeedletailTraining
import TensorRuntime

/// The programs of `Documentation/Pictures.md`, line for line. They are compiled and not run, since they write where they are; what they
/// draw has tests in `NeedletailTrainingTests/Pictures`.
enum PicturePrograms {
    static func chartsAndFigures(
        training: [Double], validation: [Double], accuracy: Chart, confusion: Chart
    ) throws {
        let loss = Chart("Loss", x: "epoch", y: "cross entropy", yScale: .logarithmic)
            .line(x: 1...12, y: training, name: "training")
            .line(x: 1...12, y: validation, name: "validation", dashed: true)
        try loss.write(to: "loss.svg")
        try Figure([[loss, accuracy], [confusion]], title: "Fashion-MNIST").write(to: "run.png", theme: .dark)
    }

    static func modelsAndLandscapes(
        x: [Double], y: [Double], labels: [Int], model: Linear, inputs: Tensor, targets: Tensor
    ) throws {
        try Chart("Two moons", x: "x₁", y: "x₂")
            .scatter(x: x, y: y, classes: labels, names: ["upper", "lower"])
            .decisionRegions(of: model.callAsFunction)
            .write(to: "moons.png")

        let landscape = try LossLandscape(of: model) { crossEntropy(model(inputs), targets) }
        try landscape.surface(title: "Loss landscape").write(to: "landscape.png")
    }

    static func reports(loss: Chart, accuracy: Chart) throws {
        var report = Report("Fashion-MNIST", subtitle: "12 epochs on the processor")
        report.section("Result")
        report.table(["set", "loss", "accuracy"], [["test", "0.31", "89.2 %"]])
        report.figure(Figure([[loss, accuracy]]), caption: "Each epoch.")
        try report.write(to: "report.html")
    }
}
