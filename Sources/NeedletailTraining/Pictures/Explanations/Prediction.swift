import Foundation
import Needletail

/// What a classifier says of an example.
struct Prediction {
    /// The example's number among those that were looked at.
    let place: Int
    /// The class that was said.
    let said: Int
    let right: Int
    /// The probability of what was said, 0 to 1.
    let confidence: Double
    /// Minus the logarithm of the right class's probability; infinite where that is no number.
    let loss: Double

    var isMistake: Bool { said != right }

    /// `7 (98 %), not 1`
    func caption(_ classes: [String]) -> String {
        func name(_ number: Int) -> String { number < classes.count ? classes[number] : "\(number)" }
        let text = "\(name(said)) (\(NumberText.fixed(confidence * 100, 0)) %)"
        return isMistake ? "\(text), not \(name(right))" : text
    }

    /// What a model says of examples, in their order. Waits for the device.
    ///
    /// - Parameters:
    ///   - logits: `[n, classes]`.
    ///   - labels: n of them, below the number of classes.
    static func all(_ logits: Tensor, _ labels: [Int64]) throws(TensorError) -> [Prediction] {
        let (likely, said) = try withNoGrad { () throws(TensorError) -> ([Double], [Int]) in
            (try logits.logSoftmax().plotted().values, try logits.argmax(1).scalars(as: Int.self))
        }
        let width = logits.shape[1]
        return labels.indices.map { place in
            let right = Int(labels[place])
            let loss = -likely[place * width + right]
            return Prediction(
                place: place, said: said[place], right: right, confidence: exp(likely[place * width + said[place]]),
                loss: loss.isNaN ? .infinity : loss)
        }
    }

    /// The same of a batch whose labels are classes of the logits; nil of another.
    static func all(_ logits: Tensor, of batch: Batch) throws(TensorError) -> [Prediction]? {
        guard !batch.labels.dtype.isFloat, batch.labels.rank == 1, logits.rank == 2, logits.shape[1] > 1,
            logits.shape[0] == batch.labels.shape[0]
        else { return nil }
        let labels = try batch.labels.scalars(as: Int64.self)
        guard labels.allSatisfy({ (0..<Int64(logits.shape[1])).contains($0) }) else { return nil }
        return try all(logits, labels)
    }

    /// The mistakes among these, those of the largest loss first.
    static func worst(_ predictions: [Prediction]) -> [Prediction] {
        predictions.filter(\.isMistake).sorted { ($1.loss, $0.place) < ($0.loss, $1.place) }
    }
}

extension Chart {
    /// Whether a batch's features are pictures in grey or colour: `[n, h, w]`, `[n, 1, h, w]` or `[n, 3, h, w]`.
    static func arePictures(_ features: Tensor) -> Bool {
        features.rank == 3 || (features.rank == 4 && (features.shape[1] == 1 || features.shape[1] == 3))
    }

    /// The first examples of a batch with what a classifier takes them for; nil where they are no pictures, or their labels no classes
    /// that it knows.
    static func predictions(
        of batch: Batch, _ count: Int, classes: [String], by model: (Tensor) throws -> Tensor
    ) throws -> Chart? {
        guard Chart.arePictures(batch.features) else { return nil }
        let shown = Batch(
            batch.tensors.map { $0.slice(axis: 0, from: 0, to: min(count, batch.count)) },
            count: min(count, batch.count))
        guard let found = try Prediction.all(try model(shown.features), of: shown) else { return nil }
        return try Chart.images(
            shown.features, captions: found.map { $0.caption(classes) }, mistakes: found.map(\.isMistake))
    }
}
