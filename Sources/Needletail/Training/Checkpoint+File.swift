extension Checkpoint {
    private static let format = "needletail-checkpoint"
    private static let optimizerPrefix = "optimizer."

    /// Writes the file, whole or not at all.
    ///
    /// - Throws: `file` where it cannot be written; the device's errors.
    public func write(to path: String) throws(TensorError) {
        var file = SafeTensorsFile()
        for entry in weights.entries { file.tensors.append(try Checkpoint.entry(entry.name, entry.tensor)) }
        for entry in optimizerState.tensors.entries {
            file.tensors.append(try Checkpoint.entry(Checkpoint.optimizerPrefix + entry.name, entry.tensor))
        }
        let rates = hyperparameters.sorted { $0.key < $1.key }
        file.metadata = [
            "format": Checkpoint.format,
            "version": "1",
            "model": model,
            "optimizer": optimizer,
            "hyperparameters": rates.map { "\($0.key)=\($0.value)" }.joined(separator: ","),
            "optimizer_steps": optimizerState.steps.map(String.init).joined(separator: ","),
            "epoch": String(position.epoch),
            "step": String(position.step),
            "batch_size": String(batchSize),
            "permutation_seed": String(seed),
            "examples": String(exampleCount),
            "generator_key": String(generator.key),
            "generator_offset": String(generator.offset),
            "loss_sum": String(meters.loss),
            "correct_sum": String(meters.correct),
            "meter_count": String(meters.count),
        ]
        try file.write(to: path)
    }

    private static func entry(_ name: String, _ tensor: Tensor) throws(TensorError) -> SafeTensorsFile.Entry {
        SafeTensorsFile.Entry(name: name, dtype: tensor.dtype, shape: Array(tensor.shape), bytes: try tensor.bytes())
    }

    /// Reads a file and copies its tensors to a device.
    ///
    /// - Throws: `file` where it cannot be read; `data` where it is no safetensors file or no checkpoint.
    public init(contentsOf path: String, device: DeviceID? = nil) throws(TensorError) {
        let file = try SafeTensorsFile(contentsOf: path)
        let metadata = Metadata(path: path, values: file.metadata)
        guard file.metadata["format"] == Checkpoint.format else {
            throw TensorError(
                .data,
                "\(path): no Needletail checkpoint; name a file that `needletail train mnist --output DIR` wrote")
        }
        if let found = file.unreadable.first { throw TensorError(.data, "\(path): \(found.error.message)") }
        guard try metadata.text("version") == "1" else { throw metadata.wrong("version") }
        model = try metadata.text("model")
        optimizer = try metadata.text("optimizer")
        hyperparameters = try metadata.hyperparameters()
        batchSize = try metadata.count("batch_size")
        guard batchSize > 0 else { throw metadata.wrong("batch_size") }
        seed = try metadata.number("permutation_seed")
        exampleCount = try metadata.count("examples")
        position = Trainer.Position(epoch: try metadata.count("epoch"), step: try metadata.count("step"))
        // Between two steps of an epoch; at its end the next one has begun.
        guard position.step == 0 || position.step - 1 < exampleCount / batchSize else { throw metadata.wrong("step") }
        generator = Generator.State(
            key: try metadata.number("generator_key"), offset: try metadata.number("generator_offset"))
        meters = Meters()
        meters.loss = try metadata.number("loss_sum")
        meters.correct = try metadata.number("correct_sum")
        meters.count = try metadata.count("meter_count")
        guard meters.count <= exampleCount else { throw metadata.wrong("meter_count") }
        weights = StateDictionary()
        var steps: [Int] = []
        for text in try metadata.text("optimizer_steps").split(separator: ",") {
            guard let step = Int(text), Metadata.counts.contains(step) else { throw metadata.wrong("optimizer_steps") }
            steps.append(step)
        }
        optimizerState = OptimizerState(steps: steps, tensors: StateDictionary())
        for entry in file.tensors {
            let tensor = Tensor(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype, device: device)
            if entry.name.hasPrefix(Checkpoint.optimizerPrefix) {
                optimizerState.tensors[String(entry.name.dropFirst(Checkpoint.optimizerPrefix.count))] = tensor
            } else {
                weights[entry.name] = tensor
            }
        }
    }

    /// The model that ``model`` names, with these weights.
    ///
    /// - Parameter dtype: what the weights are converted to; nil is the dtype that they have.
    /// - Throws: `data` where there is no such model or the weights are another's.
    public func makeMNISTModel(
        path: String, device: DeviceID? = nil, dtype: DType? = nil
    ) throws(TensorError) -> Sequential {
        guard let kind = MNISTModel(rawValue: model) else {
            let known = MNISTModel.allCases.map(\.rawValue).joined(separator: ", ")
            throw TensorError(.data, "\(path): of model '\(model)', which is none of \(known); name another file")
        }
        let made = kind.make(generator: Generator(seed: 0), device: device, dtype: dtype ?? self.dtype)
        do {
            try made.load(stateDictionary: weights)
        } catch {
            throw TensorError(error.kind, "\(path): \(error.message)")
        }
        return made
    }

    /// The strings of a file's metadata, read as what they should be.
    private struct Metadata {
        let path: String
        let values: [String: String]

        /// Of epochs, steps and examples: what adding to one cannot make overflow.
        static let counts = 0...(1 << 53)

        func text(_ key: String) throws(TensorError) -> String {
            guard let value = values[key] else { throw wrong(key) }
            return value
        }

        func number<Number: LosslessStringConvertible>(_ key: String) throws(TensorError) -> Number {
            guard let value = Number(try text(key)) else { throw wrong(key) }
            return value
        }

        func count(_ key: String) throws(TensorError) -> Int {
            let value: Int = try number(key)
            guard Metadata.counts.contains(value) else { throw wrong(key) }
            return value
        }

        func hyperparameters() throws(TensorError) -> [String: Double] {
            var result: [String: Double] = [:]
            for pair in try text("hyperparameters").split(separator: ",") {
                let parts = pair.split(separator: "=")
                guard parts.count == 2, let value = Double(parts[1]), value.isFinite else {
                    throw wrong("hyperparameters")
                }
                result[String(parts[0])] = value
            }
            return result
        }

        func wrong(_ key: String) -> TensorError {
            let found = values[key].map { "is '\($0.prefix(40))'" } ?? "is missing"
            return TensorError(
                .data,
                "\(path): '\(key)' of the checkpoint's metadata \(found); name a file that `needletail train` wrote")
        }
    }
}
