import Needletail
import TensorRuntime

/// Writes a page about the run at its end: what it came to, its curves, what a classifier takes for what, its worst mistakes,
/// its weights, the model and the settings. Of a run that was stopped within an epoch the model is not asked again, so that the
/// end does not wait: that page has no predictions. One HTML file (``Report``) that needs no network.
///
/// However many examples `test` has, the page has twelve pictures of mistakes at most, and memory those and a batch; what is left out
/// is said below them.
///
///     RunReport("runs/a/report.html", title: "Digits", test: test, settings: ["data": "MNIST"])
public final class RunReport: TrainingCallback {
    private let path: String
    private let title: String
    let test: DataLoader?
    let classes: [String]
    private let settings: [(name: String, value: String)]

    /// - Parameters:
    ///   - path: of the page, which ends in .html; its directory is made where it is missing.
    ///   - test: of a classifier: what the confusion matrix and the mistakes are of, in an order of its own. nil leaves both
    ///     out, as models do that are no function of one tensor, or whose labels are no classes.
    ///   - classes: their names; numbers by default.
    ///   - settings: what stands in the table of settings beside what the trainer knows.
    public init(
        _ path: String, title: String = "Training", test: DataLoader? = nil, classes: [String] = [],
        settings: KeyValuePairs<String, String> = [:]
    ) {
        self.path = path
        self.title = title
        self.test = test
        self.classes = classes
        self.settings = settings.map { ($0.key, $0.value) }
    }

    public func fitBegin(_ trainer: Trainer) throws { try HistoryFile.prepare(path) }

    public func fitEnd(_ trainer: Trainer) throws {
        try trainer.withoutDrawing { try report(of: trainer) }.write(to: path)
    }

    /// The page of what a trainer has come to.
    ///
    /// - Throws: `TensorError` of the device.
    public func report(of trainer: Trainer) throws -> Report {
        let history = trainer.history
        let seconds = history["seconds"].reduce(0, +)
        var report = Report(
            title, subtitle: "\(history.epochs.count) epochs, \(NumberText.short(seconds)) s of training")
        report.section("Result")
        RunReport.addResult(history, to: &report)
        if !history.epochs.isEmpty {
            report.section("Curves")
            report.figure(try RunReport.curves(of: history))
        }
        let isStopped = trainer.outcome == .stopped && trainer.position.step > 0
        if !isStopped { try addPredictions(trainer, to: &report) }
        try RunReport.addWeights(trainer, to: &report)
        report.section("Model")
        for (name, module) in trainer.models {
            if trainer.models.count > 1 { report.text(name) }
            report.code("\(module)\n\n\(module.parameterCount) parameters")
        }
        report.section("Settings")
        report.table(["setting", "value"], settings.map { [$0.name, $0.value] } + RunReport.settings(of: trainer))
        return report
    }

    /// The last epoch, and of each number the best one.
    private static func addResult(_ history: History, to report: inout Report) {
        guard let last = history.epochs.last else {
            report.text("Training was stopped before the end of the first epoch.")
            return
        }
        let rows = history.names.map { name -> [String] in
            let goal = MonitoredScore(name, nil, for: "RunReport")
            let best = history.epochs.filter { $0.scores[name]?.isNaN == false }.reduce(nil) {
                (best: History.Epoch?, epoch) in
                guard let value = best?.scores[name] else { return epoch }
                return goal.isBetter(epoch.scores[name] ?? .nan, than: value) ? epoch : best
            }
            func text(_ epoch: History.Epoch?) -> String {
                epoch?.scores[name].map { NumberText.short($0, digits: 4) } ?? ""
            }
            return [name, text(last), text(best), best.map { "\($0.number)" } ?? ""]
        }
        report.table(["number", "last epoch", "best", "in epoch"], rows)
    }

    /// A chart for each number, training and validation together.
    private static func curves(of history: History) throws -> Figure {
        var charts: [Chart] = []
        func chart(_ name: String, _ lines: [(name: String, values: [Double])]) {
            var chart = Chart(name, x: "epoch")
            for line in lines {
                // Epochs that were not validated have no number, which would part the line.
                let places = line.name == "validation" ? history.validated : Array(history.epochs.indices)
                chart = chart.line(
                    x: places.map { Double(history.epochs[$0].number) }, y: places.map { line.values[$0] },
                    name: line.name)
            }
            charts.append(chart)
        }
        for name in history.names where !name.hasPrefix("val_") {
            var lines = [(name: "training", values: history[name])]
            let validation = history["val_" + name]
            if !validation.isEmpty { lines.append(("validation", validation)) }
            chart(name, lines)
        }
        for name in history.names where name.hasPrefix("val_") && history[String(name.dropFirst(4))].isEmpty {
            chart(name, [("validation", history[name])])
        }
        let rates = history["learning_rate"]
        if Set(rates).count > 1 { chart("learning rate", [("", rates)]) }
        let rows = stride(from: 0, to: charts.count, by: 2).map { Array(charts[$0..<Swift.min($0 + 2, charts.count)]) }
        return Figure(rows)
    }

    /// The first layer's weights, where they are images: of a layer whose inputs are a square, or of a convolution.
    private static func addWeights(_ trainer: Trainer, to report: inout Report) throws {
        guard trainer.models.count == 1 else { return }
        guard let (name, parameter) = trainer.model.namedParameters.first(where: { $0.parameter.shape.rank > 1 }) else {
            return
        }
        let weight = parameter.value.detach()
        let neurons = Swift.min(weight.shape[0], 32)
        let some = weight.slice(axis: 0, from: 0, to: neurons)
        let caption = "\(name): \(neurons) of \(weight.shape[0]), blue below 0 and red above."
        let chart: Chart
        if weight.rank == 2 {
            let inputs = weight.shape[1]
            let side = Int(Double(inputs).squareRoot().rounded())
            guard side * side == inputs, side > 2, neurons > 0 else { return }
            chart = try Chart.weights(of: some, width: side)
        } else if weight.rank == 4, weight.shape[1] <= 4, weight.shape[2] > 1, neurons > 0 {
            chart = try Chart.kernels(of: some)
        } else {
            return
        }
        report.section("Weights of the first layer")
        report.figure(chart, caption: caption)
    }

    /// What the trainer knows of how it trains: names and values.
    static func settings(of trainer: Trainer) -> [[String]] {
        var rows: [[String]] = []
        if let device = trainer.model.parameters.first?.device { rows.append(["device", "\(device)"]) }
        for (name, optimizer) in trainer.optimizers {
            for (number, group) in optimizer.groups.enumerated() {
                let place = optimizer.groups.count > 1 ? "\(name), group \(number)" : name
                let values = group.rule.hyperparameters.map { "\($0.name) \(NumberText.short($0.value, digits: 6))" }
                rows.append([place, ([group.rule.name] + values).joined(separator: ", ")])
            }
        }
        if let loader = trainer.loader { rows.append(["training data", loader.text]) }
        if let clip = trainer.clipNorm { rows.append(["gradients' norm at most", "\(clip)"]) }
        if let clip = trainer.clipValue { rows.append(["gradients' elements at most", "\(clip)"]) }
        rows.append(["epochs", "\(trainer.epochs)"])
        return rows
    }
}
