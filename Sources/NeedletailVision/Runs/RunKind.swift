import Needletail
import NeedletailTraining
import TensorRuntime

/// What `needletail train` trains on.
package enum RunKind: String, Hashable, Sendable, CaseIterable {
    case mnist
    case fashionMNIST = "fashion-mnist"
    case cifar10
    /// A folder of pictures for each class.
    case images
    /// The rows of a table.
    case csv

    /// The collection of images, where it is one that is known by name.
    package var collection: ImageCollection? { ImageCollection(rawValue: rawValue) }

    /// As people call it.
    package var title: String {
        switch self {
        case .mnist: "MNIST"
        case .fashionMNIST: "Fashion-MNIST"
        case .cifar10: "CIFAR-10"
        case .images: "Images"
        case .csv: "Table"
        }
    }

    /// What an example is, in the plural.
    package var unit: String { self == .csv ? "rows" : "images" }

    /// What the part is called that is not trained on.
    package var part: String { collection == nil ? "validation" : "test" }

    /// What an accuracy is of, for the line that says it.
    package var resultTitle: String { collection == nil ? part : "\(title) \(part)" }
}

/// What a model is to say, and so its loss and its metrics.
package enum RunProblem: Hashable, Sendable {
    /// One of these.
    case classes([String])
    /// A number, of which outputs and labels are how many deviations it is from the mean: large numbers that differ little
    /// are nothing for a dtype of few digits. The loss is of these, metrics are in the number's own unit.
    case number(deviation: Double)

    /// Of outputs and labels.
    package func loss() -> (Tensor, Tensor) -> Tensor {
        switch self {
        case .classes: return { crossEntropy($0, $1) }
        case .number: return { mseLoss($0, $1) }
        }
    }

    /// New ones.
    package func metrics() -> [any Metric] {
        switch self {
        case .classes: [Accuracy()]
        case .number(let deviation):
            [
                ScaledMetric(MeanAbsoluteError(), deviation), ScaledMetric(RootMeanSquaredError(), deviation),
                R2Score(),
            ]
        }
    }

    /// The number of an epoch by which the best one is told.
    package var monitored: String {
        switch self {
        case .classes: "val_accuracy"
        case .number: "val_loss"
        }
    }

    /// The names of the classes; none of numbers.
    package var classNames: [String] {
        if case .classes(let names) = self { names } else { [] }
    }
}

/// A model and what its inputs and outputs mean: all that predicting needs, beside the weights.
package protocol RunSpecification: Sendable {
    /// The name in the checkpoint.
    var modelName: String { get }
    /// What the model is to say.
    var problem: RunProblem { get }
    /// What the checkpoint keeps of it.
    func words() throws(TensorError) -> [String: [String]]
    /// The model with initial weights.
    func make(generator: Generator, device: DeviceID, dtype: DType) -> any UnaryLayer
}
