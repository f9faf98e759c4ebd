import Needletail
import NeedletailTraining
import TensorRuntime

/// A net of linear layers over the columns of a table.
package struct TableSpecification: RunSpecification, Hashable {
    /// How columns become numbers; a target that is a number is of mean 0 and deviation 1 among the rows trained on.
    package let encoder: TableEncoder
    /// The outputs of the layers between.
    package let hidden: [Int]

    package var modelName: String { "mlp" }

    package var problem: RunProblem {
        if case .number(_, _, let deviation) = encoder.target { return .number(deviation: deviation) }
        return .classes(encoder.classNames ?? [])
    }

    init(encoder: TableEncoder, hidden: [Int]) {
        self.encoder = encoder
        self.hidden = hidden
    }

    init(_ saved: SavedRun) throws(TensorError) {
        guard let encoder = saved.recipe["encoder"].flatMap({ TableEncoder(recipeText: $0) }) else {
            throw saved.wrong("encoder")
        }
        self.encoder = encoder
        hidden = try saved.numbers("hidden")
        // Layers are made as large as the weights are that are there.
        for (place, size) in hidden.enumerated() {
            guard size > 0, saved.checkpoint.weights["\(2 * place).bias"]?.shape == [size] else {
                throw saved.wrong("hidden")
            }
        }
    }

    /// Looks for what the encoder cannot take.
    ///
    /// - Parameter withTarget: whether the column to predict has to be there too.
    /// - Throws: `data` by line and column where a value is missing, or a category that training did not have.
    func check(_ table: CSVTable, withTarget: Bool) throws(TensorError) {
        for feature in encoder.features {
            switch feature {
            case .number(let name, _, _, let filling):
                try check(table, name, nil, isFilled: filling != nil, "train with --missing mean")
            case .oneHot(let name, let known, let filling), .index(let name, let known, let filling):
                try check(table, name, known, isFilled: filling != nil, "train with --missing mean")
            }
        }
        guard withTarget, let target = encoder.target else { return }
        try check(table, target.column, encoder.classNames, isFilled: false, "take the row out")
    }

    private func check(
        _ table: CSVTable, _ name: String, _ known: [String]?, isFilled: Bool, _ remedy: String
    ) throws(TensorError) {
        let places = known.map { Set($0) }
        for (row, field) in try table.column(name).fields.enumerated() {
            if field == nil ? isFilled : places?.contains(field ?? "") ?? true { continue }
            let place = "\(table.path): line \(table.lines[row]), column \(quoted(name))"
            guard let field, let known else {
                throw TensorError(.data, "\(place): is missing; write it, or \(remedy)")
            }
            let some = known.prefix(10).map(quoted).joined(separator: ", ") + (known.count > 10 ? ", ..." : "")
            throw TensorError(
                .data, "\(place): \(quoted(field)) is none of \(some); correct it, or train on a table that has it")
        }
    }

    package func words() throws(TensorError) -> [String: [String]] {
        [
            "encoder": [try encoder.recipeText()], "hidden": hidden.map { "\($0)" },
        ]
    }

    package func make(generator: Generator, device: DeviceID, dtype: DType) -> any UnaryLayer {
        var layers: [any UnaryLayer] = []
        var inputs = encoder.width
        for size in hidden {
            layers.append(Linear(inputs, size, generator: generator, device: device, dtype: dtype))
            layers.append(ReLU())
            inputs = size
        }
        let outputs = encoder.classNames?.count ?? 1
        layers.append(Linear(inputs, outputs, generator: generator, device: device, dtype: dtype))
        return Sequential(layers)
    }
}
