import TensorRuntime

extension Module {
    /// Writes all parameters and buffers under PyTorch's names: as safetensors, or where the path ends in `.npz` for NumPy
    /// (``StateDictionary/write(to:)``).
    ///
    ///     try model.save(to: "model.safetensors")
    ///     try copy.load(from: "model.safetensors")
    ///
    /// - Throws: `file` where it cannot be written; the device's errors.
    public func save(to path: String) throws(TensorError) { try stateDictionary().write(to: path) }

    /// Assigns what a file holds to the parameters and buffers of its names, on the devices and in the dtypes of those: a file
    /// that ``save(to:)`` wrote, or one of PyTorch's (``StateDictionary/init(contentsOf:device:)``).
    ///
    /// The whole file is read, and all names and shapes are checked, before anything is assigned.
    ///
    /// - Parameter strict: whether missing and unexpected names are errors; otherwise they are only reported.
    /// - Returns: which names were assigned, and which were missing or unexpected.
    /// - Throws: `file` where the file cannot be read; `data` where it is broken, or for missing or unexpected names, or a
    ///   shape that differs; `outOfMemory`.
    @discardableResult
    public func load(from path: String, strict: Bool = true) throws(TensorError) -> StateDictionaryReport {
        // On the host first: of what is assigned, each goes to its parameter's device.
        let dictionary = try StateDictionary(contentsOf: path, device: .cpu)
        do {
            return try load(stateDictionary: dictionary, strict: strict)
        } catch let error where error.kind == .data {
            throw TensorError(.data, "\(path): \(error.message)")
        }
    }
}

extension StateDictionary {
    /// Reads a file: safetensors, `.npz` or `.npy` of NumPy's, or what `torch.save` wrote of a state dictionary. What it is, its
    /// first bytes say, not its name.
    ///
    /// Of PyTorch's files only tensors are read, by a reader that runs nothing of the file's; a checkpoint's are found under
    /// `state_dict`, `model_state_dict` or `model`. The one array of a `.npy` file is named `array`.
    ///
    /// - Parameter device: where the tensors go; nil is the current one.
    /// - Throws: `file` where the file cannot be read; `data` where it is of none of these kinds, is broken, or holds an array
    ///   that there cannot be here; `outOfMemory`, `deviceUnavailable`.
    public init(contentsOf path: String, device: DeviceID? = nil) throws(TensorError) {
        self.init()
        let reader = try FileReader(path: path)
        let start = try reader.read(Swift.min(reader.size, 8), at: 0)
        if start.starts(with: NumPyHeader.magic) {
            try add("array", try NumPyArray(contentsOf: path).entry(named: "array"), device, path)
        } else if try ZipArchive.isArchive(path) {
            let archive = try ZipArchive(contentsOf: path)
            if archive.members.contains(where: { $0.name.hasSuffix(PyTorchFile.pickleName) }) {
                for (name, array) in try PyTorchFile(archive).tensors { try add(name, array, device, path) }
            } else {
                for entry in try NumPyArchive(contentsOf: path).arrays {
                    try add(entry.name, entry.array.entry(named: entry.name), device, path)
                }
            }
        } else if PyTorchFile.isOld(start) {
            throw TensorError(
                .data,
                "\(path): is a file of PyTorch before 1.6, or a bare pickle; load it there and save it with "
                    + "safetensors.torch.save_file")
        } else {
            let file = try SafeTensorsFile(contentsOf: path)
            if let found = file.unreadable.first { throw TensorError(.data, "\(path): \(found.error.message)") }
            for entry in file.tensors { try add(entry.name, entry, device, path) }
        }
    }

    /// - Parameter path: for errors.
    private mutating func add(
        _ name: String, _ entry: SafeTensorsFile.Entry, _ device: DeviceID?, _ path: String
    ) throws(TensorError) {
        guard entry.shape.count <= Shape.maximumRank, Shape(entry.shape).isValid else {
            throw TensorError(
                .data,
                "\(path): tensor \(quoted(name)) has shape \(entry.shape); reshape it to at most "
                    + "\(Shape.maximumRank) dimensions")
        }
        let tensor = Tensor(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype, device: device)
        if let failure = tensor.handle.failure { throw failure }
        self[name] = tensor
    }

    /// Writes the tensors: where the path ends in `.npz` as NumPy's archive, in which bfloat16 becomes float32, else as
    /// safetensors, which PyTorch and its relatives read. Under a temporary name beside `path`, synchronised, then renamed.
    ///
    /// - Throws: `file` where it cannot be written; `invalidArgument` where the name ends in `.pt` or `.pth`, which only PyTorch
    ///   writes; the device's errors.
    public func write(to path: String) throws(TensorError) {
        let name = path.lowercased()
        if name.hasSuffix(".pt") || name.hasSuffix(".pth") || name.hasSuffix(".npy") {
            throw TensorError(
                .invalidArgument,
                "\(path): a state dictionary is written as .safetensors or .npz; name such a file (PyTorch reads "
                    + ".safetensors with safetensors.torch.load_file)")
        }
        if name.hasSuffix(".npz") {
            var archive = NumPyArchive()
            for entry in entries {
                archive.arrays.append(NumPyArchive.Entry(name: entry.name, array: try NumPyArray(entry.tensor)))
            }
            return try archive.write(to: path)
        }
        // As PyTorch's own writers have it; some readers ask for it.
        var file = SafeTensorsFile(metadata: ["format": "pt"])
        for entry in entries {
            file.tensors.append(
                SafeTensorsFile.Entry(
                    name: entry.name, dtype: entry.tensor.dtype, shape: Array(entry.tensor.shape),
                    bytes: try entry.tensor.bytes()))
        }
        try file.write(to: path)
    }
}

extension NumPyArray {
    fileprivate func entry(named name: String) -> SafeTensorsFile.Entry {
        SafeTensorsFile.Entry(name: name, dtype: dtype, shape: shape, bytes: bytes)
    }
}
