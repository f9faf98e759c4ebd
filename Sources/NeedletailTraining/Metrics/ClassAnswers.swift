import Needletail
import TensorRuntime

/// What a classifier says of a batch and what is right, as classes of int64 in the shape of the labels.
struct ClassAnswers {
    let predicted: Tensor
    let right: Tensor
    /// 2 of one column; nil where the outputs are classes themselves, which do not say how many there are.
    let classCount: Int?

    /// Nil where that is a wrong call, which is reported.
    ///
    /// - Parameters:
    ///   - outputs: scores `[..., C]`, of which the largest wins; or floats `[..., 1]` or of the labels' shape, that mean class 1
    ///     where they are above `threshold`; or integers or bools of the labels' shape: classes.
    ///   - labels: classes `[...]`, or `[..., 1]`. Floats of class 1 against class 0 are 1 above 0.5.
    ///   - ignored: a label that is no class, and stays what it is.
    init?(
        _ metric: String, _ outputs: Tensor, _ labels: Tensor, threshold: Double = 0, ignoring ignored: Int? = nil,
        _ file: StaticString, _ line: UInt
    ) {
        let shape = labels.shape
        let places = outputs.shape.leading(Swift.max(outputs.rank - 1, 0))
        let isSame = shape == outputs.shape
        guard outputs.shares(labels) else {
            _ = outputs.deviceMismatch(metric, labels, at: CallSite(file, line))
            return nil
        }
        guard isSame || (outputs.rank > 0 && (shape == places || shape == Shape(places + [1]))) else {
            _ = outputs.invalid(
                metric, "logits \(outputs.shape), classes \(shape)", remedy: "give logits [N, C] and classes [N]",
                [outputs, labels], file, line)
            return nil
        }
        let scores = outputs.detach()
        let isOneColumn = isSame || outputs.shape[outputs.rank - 1] == 1
        let areClasses = isSame && !scores.dtype.isFloat
        let found: Tensor
        if areClasses {
            found = scores
        } else {
            found = isOneColumn ? scores .> threshold : scores.argmax(-1)
        }
        let wide = found.dtype == .int64 ? found : found.to(.int64)
        predicted = wide.shape == shape ? wide : wide.reshape(shape)
        let isBinary = isOneColumn && !areClasses
        classCount = isBinary ? 2 : areClasses ? nil : outputs.shape[outputs.rank - 1]
        switch labels.dtype {
        case .int64: right = labels
        case .bool, .uint8, .int32: right = labels.to(.int64)
        case .float16, .bfloat16, .float32, .float64:
            let given = labels.detach()
            let classes = isBinary ? (given .> 0.5).to(.int64) : given.to(.int64)
            // A label that is ignored stays what it is.
            right = ignored.map { Tensor.where(given .!= Double($0), classes, $0) } ?? classes
        }
    }

    /// The tensor, as one whose numbers are classes but for `ignored`: where they are not, an error that is reported (nil) or, of
    /// numbers on the device, thrown by what is made of them.
    static func checked(
        _ metric: String, _ classes: Tensor, what: String, count: Int, ignoring ignored: Int?, _ file: StaticString,
        _ line: UInt
    ) -> Tensor? {
        let remedy = "use classes in 0..<\(count)" + (what == "label" ? ", or ignoredIndex:" : "")
        switch classes.checkIndices(in: 0..<count, ignoring: ignored) {
        case .inside: return classes
        case .outside(let value):
            _ = classes.invalid(
                metric, "\(what) \(value) is outside 0..<\(count)", remedy: remedy, [classes], file, line)
            return nil
        case .unknown:
            return classes.guarded(
                in: 0..<count, ignoring: ignored, metric, "a \(what) that was computed is outside 0..<\(count)",
                remedy: remedy)
        }
    }
}
