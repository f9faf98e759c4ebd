import ArgumentParser
import CommandLineSupport
import Needletail
import NeedletailTraining
import NeedletailVision

/// `needletail train`
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Trains a model.",
        subcommands: [MNIST.self, FashionMNIST.self, CIFAR10.self, Images.self, CSV.self])

    /// What the collections of images take.
    struct CollectionOptions: ParsableArguments {
        @Option(
            help: "mlp, mlp-small, cnn, lenet, resnet18 or resnet20 (default: mlp; resnet20 for cifar10).")
        var model: ImageModel?

        @Option(help: "The directory of the files (default: NEEDLETAIL_DATA, else Datasets/NAME).")
        var data: String?

        @Flag(help: "Download the files that are missing or cannot be read, into the folder NAME of that directory.")
        var download = false

        @Option(help: "Train on the first N images only.")
        var limit: Int?

        @Flag(help: "Move pictures at random, and turn those of things over.")
        var augment = false

        func validate() throws { try Arguments.check("--limit", limit) }

        func subject(_ collection: ImageCollection) -> CollectionSubject {
            var subject = CollectionSubject(collection)
            subject.model = model
            subject.dataDirectory = data
            subject.limit = limit
            subject.augments = augment ? true : nil
            subject.downloads = download
            return subject
        }
    }

    struct MNIST: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mnist", abstract: "Trains a classifier of handwritten digits and says its test accuracy.")

        @OptionGroup var options: TrainingOptions
        @OptionGroup var images: CollectionOptions

        @Option(
            help: """
                fast98 or fast99: a model and a recipe of its own that reach 98 or 99 % in little time (default: none).
                """)
        var preset: MNISTPreset?

        func validate() throws {
            guard let preset else { return }
            let contradictions: [(String, String?)] = [
                ("--model", images.model?.rawValue), ("--augment", images.augment ? "" : nil),
                ("--epochs", options.epochs.map { "\($0)" }), ("--batch-size", options.batchSize.map { "\($0)" }),
                ("--optimizer", options.optimizer?.rawValue), ("--learning-rate", options.learningRate.map { "\($0)" }),
                ("--patience", options.patience.map { "\($0)" }),
            ]
            for (name, value) in contradictions {
                guard let value else { continue }
                let given = value.isEmpty ? name : "\(name) \(value)"
                throw ValidationError(
                    "\(given): --preset \(preset.rawValue) has a recipe of its own; leave one of them out")
            }
        }

        func run() throws {
            var subject = images.subject(.mnist)
            subject.preset = preset
            try options.train(subject)
        }
    }

    struct FashionMNIST: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fashion-mnist", abstract: "Trains a classifier of clothes and says its test accuracy.")

        @OptionGroup var options: TrainingOptions
        @OptionGroup var images: CollectionOptions

        func run() throws { try options.train(images.subject(.fashionMNIST)) }
    }

    struct CIFAR10: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cifar10",
            abstract: "Trains a classifier of small photographs of ten classes and says its test accuracy.")

        @OptionGroup var options: TrainingOptions
        @OptionGroup var images: CollectionOptions

        func run() throws { try options.train(images.subject(.cifar10)) }
    }

    struct Images: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "images", abstract: "Trains a classifier of your own pictures, PNG and JPEG.",
            discussion: """
                DIR holds a folder of pictures for each class, or the folders train and validation (valid, val, test) with \
                such folders in them.
                """)

        @Argument(help: "The directory of the pictures.") var directory: String
        @OptionGroup var options: TrainingOptions

        @Option(help: "mlp, mlp-small, cnn, lenet, resnet18 or resnet20 (default: resnet20).")
        var model: ImageModel?

        @Option(help: "Height and width to which pictures are resized, 8 to 1024 (default: 64).")
        var size: Int?

        @Option(help: "The share of each class that is held out, where DIR does not hold it (default: 0.2).")
        var validation: Double?

        @Flag(help: "Move pictures and turn them over at random.")
        var augment = false

        func validate() throws {
            if let size, !(8...1024).contains(size) { throw ValidationError("--size \(size): give 8 to 1024") }
            try Arguments.check(share: "--validation", validation)
        }

        func run() throws {
            var subject = FolderSubject(directory)
            subject.model = model
            subject.size = size
            subject.validation = validation
            subject.augments = augment ? true : nil
            try options.train(subject)
        }
    }

    struct CSV: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "csv", abstract: "Trains a net that predicts a column of a table from its others.",
            discussion: """
                Texts and integers of at most 20 values are predicted as classes, other numbers as numbers. Numbers are \
                standardised, categories become a number for each.
                """)

        @Argument(help: "A file with a line of names, separated by , ; | or tabs.") var file: String
        @OptionGroup var options: TrainingOptions

        @Option(help: "The column to predict (default: with --resume the checkpoint's).")
        var target: String?

        @Option(help: "classification or regression (default: by the column).")
        var task: TableSubject.Task?

        @Option(help: "The columns to predict from, with commas (default: all others but free text).")
        var features: String?

        @Option(help: "The sizes of the layers between, with commas (default: 64,32).")
        var hidden: String?

        @Option(
            help: """
                refuse: a missing value is an error; mean: it is the column's mean or most frequent category; drop: its row \
                is left out (default: refuse).
                """)
        var missing: TableSubject.Missing?

        @Option(help: "The share of the rows that is held out (default: 0.2).")
        var validation: Double?

        func validate() throws {
            try Arguments.check(share: "--validation", validation)
            if target == nil, options.resume == nil {
                throw ValidationError("--target is missing: give the name of the column to predict")
            }
            _ = try sizes()
            _ = try Arguments.list("--features", features)
        }

        private func sizes() throws -> [Int]? {
            guard let hidden else { return nil }
            return try Arguments.words(hidden).map { word in
                guard let size = Int(word), (1...65_536).contains(size) else {
                    throw ValidationError("--hidden '\(hidden)': give sizes of 1 to 65536 with commas, as 64,32")
                }
                return size
            }
        }

        func run() throws {
            var subject = TableSubject(file)
            subject.target = target
            subject.task = task
            subject.features = try Arguments.list("--features", features)
            subject.hidden = try sizes()
            subject.missing = missing
            subject.validation = validation
            try options.train(subject)
        }
    }
}
