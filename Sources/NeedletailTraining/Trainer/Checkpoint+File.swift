import Needletail

extension Checkpoint {
    private static let format = "needletail-checkpoint"

    /// Writes the file, whole or not at all.
    ///
    /// - Throws: `file` where it cannot be written; the device's errors.
    public func write(to path: String) throws(TensorError) {
        var file = SafeTensorsFile()
        func append(_ prefix: String, _ tensors: StateDictionary) throws(TensorError) {
            for (name, tensor) in tensors.entries.map({ (prefix + $0.name, $0.tensor) }) {
                file.tensors.append(
                    SafeTensorsFile.Entry(
                        name: name, dtype: tensor.dtype, shape: Array(tensor.shape), bytes: try tensor.bytes()))
            }
        }
        try append("", weights)
        for optimizer in optimizers { try append(prefix(of: optimizer.name), optimizer.state.tensors) }
        for (key, state) in callbacks { try append("\(Checkpoint.callbackPrefix)\(key).", state.tensors) }
        file.metadata = [
            "format": Checkpoint.format,
            "version": "2",
            "model": model,
            "epoch": String(position.epoch),
            "step": String(position.step),
            "generator_key": String(generator.key),
            "generator_offset": String(generator.offset),
            "optimizers": JSONValue.array(optimizers.map(CheckpointText.optimizer)).description,
            "history": JSONValue.array(history.epochs.map(CheckpointText.epoch)).description,
            // Alone, so that the rest is that of a run that was not interrupted.
            "seconds": JSONValue.array(history.epochs.map { CheckpointText.number($0.seconds) }).description,
            "losses": JSONValue.array(losses.map(CheckpointText.metric)).description,
            "metrics": JSONValue.array(metrics.map(CheckpointText.metric)).description,
            "callbacks": JSONValue.array(callbacks.map(CheckpointText.callback)).description,
        ]
        if let loader {
            file.metadata["batch_size"] = String(loader.batchSize)
            file.metadata["examples"] = String(loader.exampleCount)
            file.metadata["permutation_seed"] = String(loader.seed)
            file.metadata["shuffle"] = String(loader.shuffle)
            file.metadata["drop_last"] = String(loader.dropLast)
            file.metadata["accumulation"] = String(loader.accumulation)
        }
        try file.write(to: path)
    }

    /// What stands before the names of an optimizer's tensors.
    private func prefix(of optimizer: String) -> String {
        optimizers.count == 1 ? Checkpoint.optimizerPrefix : "\(Checkpoint.optimizerPrefix)\(optimizer)."
    }

    /// Reads a file and copies its tensors to a device.
    ///
    /// - Throws: `file` where it cannot be read; `data` where it is no safetensors file or no checkpoint.
    public init(contentsOf path: String, device: DeviceID? = nil) throws(TensorError) {
        let file = try SafeTensorsFile(contentsOf: path)
        let metadata = CheckpointMetadata(path: path, values: file.metadata)
        guard file.metadata["format"] == Checkpoint.format else {
            throw TensorError(
                .data,
                "\(path): no Needletail checkpoint; name a file that `needletail train` with --output, ModelCheckpoint or "
                    + "Checkpoint.write(to:) wrote")
        }
        if let found = file.unreadable.first { throw TensorError(.data, "\(path): \(found.error.message)") }
        guard try metadata.text("version") == "2" else { throw metadata.wrong("version") }
        model = try metadata.text("model")
        position = Trainer.Position(epoch: try metadata.count("epoch"), step: try metadata.count("step"))
        generator = Generator.State(
            key: try metadata.number("generator_key"), offset: try metadata.number("generator_offset"))
        optimizers = try metadata.list("optimizers", CheckpointText.optimizer)
        history = try metadata.history()
        losses = try metadata.list("losses", CheckpointText.metric)
        metrics = try metadata.list("metrics", CheckpointText.metric)
        callbacks = try metadata.list("callbacks", CheckpointText.callback)
        weights = StateDictionary()
        loader = try metadata.loader()
        // Between two steps of an epoch; at its end the next one has begun.
        if position.step > 0 {
            guard let loader, position.step - 1 < loader.exampleCount / loader.batchSize else {
                throw metadata.wrong("step")
            }
        }
        for entry in file.tensors {
            let tensor = Tensor(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype, device: device)
            if entry.name.hasPrefix(Checkpoint.optimizerPrefix) {
                // The longest: an optimizer's name may begin as another's.
                let place = optimizers.indices.filter { entry.name.hasPrefix(prefix(of: optimizers[$0].name)) }
                    .max { optimizers[$0].name.count < optimizers[$1].name.count }
                guard let place else { throw metadata.wrong("optimizers") }
                let name = entry.name.dropFirst(prefix(of: optimizers[place].name).count)
                optimizers[place].state.tensors[String(name)] = tensor
            } else if entry.name.hasPrefix(Checkpoint.callbackPrefix) {
                let rest = entry.name.dropFirst(Checkpoint.callbackPrefix.count)
                let place = callbacks.indices.filter { rest.hasPrefix("\(callbacks[$0].key).") }
                    .max { callbacks[$0].key.count < callbacks[$1].key.count }
                guard let place else { throw metadata.wrong("callbacks") }
                callbacks[place].state.tensors[String(rest.dropFirst(callbacks[place].key.count + 1))] = tensor
            } else {
                weights[entry.name] = tensor
            }
        }
    }
}

/// The strings of a file's metadata, read as what they should be.
struct CheckpointMetadata {
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
        guard CheckpointMetadata.counts.contains(value) else { throw wrong(key) }
        return value
    }

    /// A JSON array, each element read by `read`, which gives nil where it is something else.
    func list<Element>(_ key: String, _ read: (JSONValue) -> Element?) throws(TensorError) -> [Element] {
        let bytes = Array(try text(key).utf8)
        let json: JSONValue
        do throws(JSONParser.Failure) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw wrong(key)
        }
        guard case .array(let values) = json else { throw wrong(key) }
        let result = values.compactMap(read)
        guard result.count == values.count else { throw wrong(key) }
        return result
    }

    func history() throws(TensorError) -> History {
        let epochs = try list("history", CheckpointText.epoch)
        let seconds = try list("seconds") { CheckpointText.number($0) }
        guard seconds.count == epochs.count else { throw wrong("seconds") }
        return History(
            zip(epochs, seconds).map { epoch, seconds in
                History.Epoch(
                    number: epoch.number, scores: epoch.scores, learningRate: epoch.learningRate, seconds: seconds)
            })
    }

    func loader() throws(TensorError) -> LoaderShape? {
        if values["batch_size"] == nil { return nil }
        let shape = LoaderShape(
            batchSize: try count("batch_size"), exampleCount: try count("examples"),
            seed: try number("permutation_seed"), shuffle: try number("shuffle"), dropLast: try number("drop_last"),
            accumulation: try count("accumulation"))
        guard shape.batchSize > 0 else { throw wrong("batch_size") }
        guard shape.accumulation > 0 else { throw wrong("accumulation") }
        return shape
    }

    func wrong(_ key: String) -> TensorError {
        let found = values[key].map { "is '\($0.prefix(80))'" } ?? "is missing"
        return TensorError(
            .data,
            "\(path): '\(key)' of the checkpoint's metadata \(found); the file is of another version or was changed: name one "
                + "as it was written")
    }
}
