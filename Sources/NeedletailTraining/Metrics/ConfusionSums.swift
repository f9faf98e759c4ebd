import Needletail
import TensorRuntime

/// How often each class was taken for each, counted on the device: what precision, recall and their kin are made of.
///
/// Of classes, one table `[C, C]`, actual by predicted; of several labels that an example has, one of `[2, 2]` for each.
struct ConfusionSums {
    let sums: MetricSums
    let metric: String
    let isMultilabel: Bool
    let threshold: Double
    let ignored: Int?
    /// How many classes there are, where the outputs do not say it.
    let classCount: Int?

    init(metric: String, isMultilabel: Bool, threshold: Double, ignored: Int?, classCount: Int?) {
        self.metric = metric
        self.isMultilabel = isMultilabel
        self.threshold = threshold
        self.ignored = ignored
        self.classCount = classCount
        sums = MetricSums(["cells"], .add) { numbers, count in
            let cells = numbers[0]
            if let classCount, !isMultilabel, cells.count != classCount * classCount {
                return "\(cells.count) numbers under 'cells', not \(classCount) * \(classCount)"
            }
            let classes = ConfusionSums.classCount(of: cells, isMultilabel: isMultilabel)
            guard classes > 0 else {
                return
                    "\(cells.count) numbers under 'cells', which are no \(isMultilabel ? "tables of 2 * 2" : "square")"
            }
            if let wrong = cells.first(where: { Int(exactly: $0).map { $0 < 0 } ?? true }) {
                return "\(wrong) under 'cells', not a count"
            }
            let total = cells.reduce(0, +)
            return total > Double(count) ? "\(total) answers under 'cells', and only \(count) were added" : nil
        }
        let kind = isMultilabel ? "labels" : "classes"
        sums.settings = "\(kind), threshold \(threshold), ignoredIndex \(ignored.map { "\($0)" } ?? "nil")"
    }

    /// Of tables in one row; 0 where these are none.
    private static func classCount(of cells: [Double], isMultilabel: Bool) -> Int {
        let cellCount = isMultilabel ? 4 : cells.count
        let classes = Int(Double(cellCount).squareRoot().rounded())
        return classes * classes == cellCount && cells.count % cellCount == 0 ? classes : 0
    }

    func add(_ outputs: Tensor, _ labels: Tensor, _ file: StaticString, _ line: UInt) {
        withNoGrad {
            if isMultilabel, outputs.shape != labels.shape || outputs.rank == 0 {
                _ = outputs.invalid(
                    metric, "outputs \(outputs.shape), labels \(labels.shape)", remedy: "give both as [N, L]",
                    [outputs, labels], file, line)
                return
            }
            guard
                let answers = ClassAnswers(
                    metric, outputs, labels, threshold: threshold, ignoring: ignored, file, line)
            else { return }
            // Classes that were said are 0 and 1 of labels.
            guard let classes = isMultilabel ? 2 : classCount ?? answers.classCount, classes > 0 else {
                _ = outputs.invalid(
                    metric, "the outputs are classes and do not say how many there are", remedy: "pass classCount:",
                    [outputs, labels], file, line)
                return
            }
            if let said = answers.classCount, said != classes {
                _ = outputs.invalid(
                    metric, "outputs \(outputs.shape) of \(said) classes, and classCount is \(classes)",
                    remedy: "pass the outputs' classCount, or none", [outputs, labels], file, line)
                return
            }
            let tableCount = isMultilabel ? labels.shape[labels.rank - 1] : 1
            let cellCount = classes * classes
            if let before = sums.elementCount, before != tableCount * cellCount {
                _ = outputs.invalid(
                    metric,
                    "a batch of \(tableCount == 1 ? "\(classes) classes" : "\(tableCount) labels")"
                        + " after others of another number", remedy: "call reset(), or take a metric for each",
                    [outputs, labels], file, line)
                return
            }
            guard
                let right = ClassAnswers.checked(
                    metric, answers.right, what: "label", count: classes, ignoring: ignored, file, line),
                let said = outputs.dtype.isFloat
                    ? answers.predicted
                    : ClassAnswers.checked(
                        metric, answers.predicted, what: "predicted class", count: classes, ignoring: nil, file, line)
            else { return }
            let rows = tableCount == 0 ? 0 : labels.elementCount / tableCount
            var cell = (right * classes + said).reshape([rows, tableCount])
            if let ignored {
                // Where nothing is counted.
                cell = Tensor.where(right.reshape(cell.shape) .!= ignored, cell, cellCount)
            }
            sums.add([count(cell, classes)], count: labels.elementCount, using: [tableCount * cellCount])
        }
    }

    /// How often each cell stands in each column of `[N, L]`: `[L * cells]`, int64; of one column perhaps with more behind them.
    private func count(_ cell: Tensor, _ classes: Int) -> Tensor {
        let (tableCount, cellCount) = (cell.shape[1], classes * classes)
        if tableCount != 1 || cellCount <= MetricTable.comparedCells {
            let width = tableCount == 1 ? MetricTable.width(classes: classes, cells: cellCount) : cellCount
            let isCell = cell.unsqueeze(2) .== cell.indices([width])
            return isCell.sum(axes: [0]).reshape([tableCount * width])
        }
        let ones = Tensor.onesLike(cell).reshape([cell.shape[0]])
        return ones.scattered(axis: 0, cell.reshape([cell.shape[0]]), count: cellCount + 1)
            .narrow(axis: 0, start: 0, count: cellCount)
    }

    /// The tables; nil of no examples.
    func tables() throws(TensorError) -> [ConfusionTable]? {
        guard let cells = try sums.numbers()?[0], !cells.isEmpty else { return nil }
        let classes = ConfusionSums.classCount(of: cells, isMultilabel: isMultilabel)
        let cellCount = classes * classes
        let tables = stride(from: 0, to: cells.count, by: cellCount).map {
            ConfusionTable(classes: classes, cells: Array(cells[$0..<$0 + cellCount]))
        }
        return tables.allSatisfy { $0.total == 0 } ? nil : tables
    }
}

/// Counts of actual classes by predicted ones.
struct ConfusionTable {
    let classes: Int
    /// Row-major: a row for each actual class.
    let cells: [Double]

    subscript(actual: Int, predicted: Int) -> Double { cells[actual * classes + predicted] }

    var total: Double { cells.reduce(0, +) }
    /// How often each class is right.
    var hits: [Double] { (0..<classes).map { self[$0, $0] } }
    var actual: [Double] { (0..<classes).map { row in (0..<classes).reduce(0) { $0 + self[row, $1] } } }
    var predicted: [Double] { (0..<classes).map { column in (0..<classes).reduce(0) { $0 + self[$1, column] } } }
}
