import Needletail
import NeedletailTraining
import TensorRuntime

/// The work of `needletail predict`.
package struct RunPrediction {
    private let saved: SavedRun
    private let model: any UnaryLayer
    private let device: DeviceID
    private let dtype: DType
    package let specification: any RunSpecification

    /// - Throws: `data` where the checkpoint does not say what its model is.
    package init(_ saved: SavedRun, device: DeviceID) throws(TensorError) {
        self.saved = saved
        self.device = device
        specification = try saved.specification()
        model = try saved.model(specification, device: device)
        model.eval()
        dtype = saved.checkpoint.dtype
    }

    /// A class and how likely it is.
    package struct Answer: Sendable {
        package let name: String
        /// 0 to 1.
        package let probability: Double
    }

    /// How drawings are taken.
    package enum Inversion: String, Hashable, Sendable, CaseIterable {
        /// Dark ones on a light ground are turned over where the model was trained on light ones on a dark ground.
        case auto
        case on, off
    }

    // MARK: Pictures

    /// The classes of a picture, the likeliest first, and whether its light and dark were turned over.
    ///
    /// - Throws: `file` and `data` where it is no picture; `invalidArgument` of a model of tables.
    package func classes(
        ofPicture path: String, inversion: Inversion = .auto
    ) throws(TensorError) -> (answers: [Answer], isInverted: Bool) {
        guard let pictures = specification as? PictureSpecification else {
            throw TensorError(
                .invalidArgument, "\(path): \(saved.path) is of a table's rows; give a .csv file")
        }
        let channels: ImageFile.Channels = pictures.shape[0] == 1 ? .gray : .rgb
        var pixels = try ImageFile.read(path, channels: channels, size: (pictures.shape[1], pictures.shape[2]))
        let isDrawing = saved.kind == .mnist || saved.kind == .fashionMNIST
        let isInverted = inversion == .on || inversion == .auto && isDrawing && RunPrediction.hasLightBorder(pixels)
        if isInverted { pixels = HostArray(pixels.bytes.map { 255 - $0 }, shape: pixels.shape) }
        let input = Tensor(pixels, device: device).to(dtype) * (1 / 255.0)
        let batch = input.reshape([1] + Array(pictures.shape))
        return (try answers(batch, pictures.classes)[0].sorted { $0.probability > $1.probability }, isInverted)
    }

    /// Whether the outermost pixels are light rather than dark.
    private static func hasLightBorder(_ pixels: HostArray) -> Bool {
        let (height, width) = (pixels.shape[1], pixels.shape[2])
        var (sum, count) = (0, 0)
        for row in 0..<height {
            for column in 0..<width where row == 0 || column == 0 || row == height - 1 || column == width - 1 {
                sum += Int(pixels.bytes[row * width + column])
                count += 1
            }
        }
        return sum > 127 * count
    }

    // MARK: Tables

    private static let rowsAtOnce = 10_000

    /// What was predicted of rows.
    package enum RowPredictions: Sendable {
        /// For each row the classes in their order.
        case classes([[Answer]])
        /// For each row a number.
        case numbers([Double])
    }

    /// The predictions for each row of a table, whose target's column is not looked at.
    ///
    /// - Throws: `file`, and `data` by line and column; `invalidArgument` of a model of pictures.
    package func predictions(ofRows path: String) throws(TensorError) -> (table: CSVTable, values: RowPredictions) {
        guard let rows = specification as? TableSpecification else {
            throw TensorError(
                .invalidArgument, "\(path): \(saved.path) is of pictures; give .png or .jpg files")
        }
        let table = try CSVTable(contentsOf: path)
        guard table.rowCount > 0 else { throw TensorError(.data, "\(path): has no row; give some") }
        try rows.check(table, withTarget: false)
        var (classes, numbers): ([[Answer]], [Double]) = ([], [])
        for start in stride(from: 0, to: table.rowCount, by: RunPrediction.rowsAtOnce) {
            let end = min(start + RunPrediction.rowsAtOnce, table.rowCount)
            let some = Tensor(try rows.encoder.encode(table.rows(start..<end)), device: device).to(dtype)
            if let names = rows.encoder.classNames {
                classes += try answers(some, names)
            } else {
                numbers += try withNoGrad { model(some) }.scalars(as: Double.self).map {
                    let number = rows.encoder.decode($0)
                    // Without a sign.
                    return number.isNaN ? .nan : number
                }
            }
        }
        return (table, rows.encoder.classNames == nil ? .numbers(numbers) : .classes(classes))
    }

    /// The column that is predicted; nil of pictures.
    package var target: String? { (specification as? TableSpecification)?.encoder.target?.column }

    private func answers(_ batch: Tensor, _ classes: [String]) throws(TensorError) -> [[Answer]] {
        let logits = withNoGrad { model(batch) }.to(.float32)
        guard logits.shape == [batch.shape[0], classes.count] else {
            throw TensorError(
                .data,
                "\(saved.path): the model says \(logits.shape) where there are \(classes.count) classes; name another file"
            )
        }
        let shares = try logits.softmax(axis: 1).scalars(as: Float.self)
        return (0..<batch.shape[0]).map { row in
            classes.indices.map { Answer(name: classes[$0], probability: Double(shares[row * classes.count + $0])) }
        }
    }
}

extension RunPrediction {
    /// A table with its predictions behind its columns: `predicted_TARGET`, and of classes `probability`.
    package static func csv(_ table: CSVTable, _ values: RowPredictions, target: String) -> String {
        var added = ["predicted_\(target)"]
        if case .classes = values { added.append("probability") }
        // Of predictions that are predicted again the new ones are kept.
        let columns = table.columns.filter { !added.contains($0.name) }
        var text = (columns.map(\.name) + added).map(field).joined(separator: ",") + "\n"
        for row in 0..<table.rowCount {
            var fields = columns.map { $0.fields[row] ?? "" }
            switch values {
            case .classes(let answers):
                let best = likeliest(answers[row])
                fields += [best.name, "\(Float(best.probability))"]
            case .numbers(let numbers): fields.append("\(numbers[row])")
            }
            text += fields.map(field).joined(separator: ",") + "\n"
        }
        return text
    }

    /// A field as RFC 4180 wants it.
    private static func field(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    /// The first of the likeliest.
    package static func likeliest(_ answers: [Answer]) -> Answer {
        answers.dropFirst().reduce(answers[0]) { $1.probability > $0.probability ? $1 : $0 }
    }
}
