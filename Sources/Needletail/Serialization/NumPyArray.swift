import TensorRuntime

/// An array as NumPy keeps it in a file.
///
///     let image = try NumPyArray(contentsOf: "image.npy").tensor()
///     try NumPyArray(image).write(to: "copy.npy")
public struct NumPyArray: Hashable, Sendable {
    /// The elements' type.
    public var dtype: DType
    /// Extents; empty of a single number.
    public var shape: [Int]
    /// The elements in row-major order, each little-endian; a bool is one byte, 0 or 1.
    public var bytes: [UInt8]

    /// An array of elements that lie row-major, little-endian.
    public init(dtype: DType, shape: [Int], bytes: [UInt8]) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// The tensor's elements. NumPy has no bfloat16: those become float32, which has all their values.
    ///
    /// - Throws: `deviceFailure`, `outOfMemory`, or the error that poisoned the tensor.
    public init(_ tensor: Tensor) throws(TensorError) {
        let known = tensor.dtype == .bfloat16 ? withNoGrad { tensor.detach().to(.float32) } : tensor
        self.init(dtype: known.dtype, shape: Array(known.shape), bytes: try known.bytes())
    }

    /// The elements on a device; nil is the current one.
    ///
    /// - Throws: `data` of more dimensions than a tensor can have, or bytes that do not fit the shape; `outOfMemory`.
    public func tensor(device: DeviceID? = nil) throws(TensorError) -> Tensor {
        guard shape.count <= Shape.maximumRank, dtype.byteCount(ofShape: shape) == bytes.count, Shape(shape).isValid
        else {
            throw TensorError(
                .data,
                "NumPyArray: \(bytes.count) bytes of \(dtype)\(shape) are no tensor; use a shape of at most "
                    + "\(Shape.maximumRank) dimensions, with \(dtype.byteCount) bytes for each element")
        }
        let tensor = Tensor(bytes: bytes, shape: Shape(shape), dtype: dtype, device: device)
        if let failure = tensor.handle.failure { throw failure }
        return tensor
    }
}

// MARK: - Files of one array

extension NumPyArray {
    /// Reads a `.npy` file of version 1, 2 or 3.
    ///
    /// Elements of either byte order come in the machine's, arrays in Fortran's order in C's. Integers that there are not here
    /// become the next type that holds them all: `int8`, `int16` and `uint16` an int32, `uint32` an int64, and `uint64` an int64
    /// where its numbers fit.
    ///
    /// - Throws: `file` where the file cannot be read; `data` where it is no such file, is cut short, or holds what is no
    ///   number here: complex numbers, text, objects, records. Nothing is allocated that the file has no bytes for.
    public init(contentsOf path: String) throws(TensorError) {
        let reader = try FileReader(path: path)
        try self.init(npy: try reader.read(reader.size, at: 0), path: path)
    }

    /// Writes a `.npy` file of version 1: under a temporary name beside `path`, synchronised, then renamed.
    ///
    /// - Throws: `invalidArgument` where bytes do not fit the shape, or of bfloat16; `file` where it cannot be written.
    public func write(to path: String) throws(TensorError) {
        let header = try npyHeader(path)
        try AtomicFile.write(to: path) { output throws(TensorError) in
            try output.append(header)
            try output.append(bytes)
        }
    }

    /// The array as a file has it.
    func npy(_ what: String) throws(TensorError) -> [UInt8] { try npyHeader(what) + bytes }

    /// - Parameter what: for errors.
    private func npyHeader(_ what: String) throws(TensorError) -> [UInt8] {
        guard let name = NumPyType.name(of: dtype) else {
            throw TensorError(
                .invalidArgument, "\(what): NumPy has no \(dtype); convert to float32, which has all its values")
        }
        guard dtype.byteCount(ofShape: shape) == bytes.count else {
            throw TensorError(
                .invalidArgument,
                "\(what): \(bytes.count) bytes do not fit \(dtype)\(shape); give \(dtype.byteCount) for each element")
        }
        if dtype == .bool, let wrong = bytes.first(where: { $0 > 1 }) {
            throw TensorError(.invalidArgument, "\(what): a bool is \(wrong); give bytes 0 and 1")
        }
        guard shape.count <= NumPyHeader.maximumRank else {
            throw TensorError(
                .invalidArgument, "\(what): \(shape.count) dimensions; NumPy has at most \(NumPyHeader.maximumRank)")
        }
        let extents = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
        var text = Array("{'descr': '\(name)', 'fortran_order': False, 'shape': (\(extents)), }".utf8)
        // The data begins at a multiple of 64.
        let length = (10 + text.count + 1 + 63) / 64 * 64 - 10
        text += Array(repeating: UInt8(ascii: " "), count: length - 1 - text.count) + [UInt8(ascii: "\n")]
        return NumPyHeader.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + text
    }
}

// MARK: - Archives

/// The arrays of a `.npz` file, which is a zip archive of `.npy` files.
public struct NumPyArchive: Hashable, Sendable {
    /// An array and the name of its member, without `.npy`.
    public struct Entry: Hashable, Sendable {
        /// Unique within an archive.
        public var name: String
        /// What the member holds.
        public var array: NumPyArray

        /// An array under a name.
        public init(name: String, array: NumPyArray) {
            self.name = name
            self.array = array
        }
    }

    /// Names are unique.
    public var arrays: [Entry]

    /// An archive of these arrays, in order.
    public init(arrays: [Entry] = []) { self.arrays = arrays }

    /// The array of that name; nil where there is none. Linear in the number of arrays.
    public subscript(name: String) -> NumPyArray? { arrays.first { $0.name == name }?.array }

    private static let suffix = ".npy"

    /// Reads a `.npz` file, stored or deflated, of any size. Checksums are checked.
    ///
    /// - Throws: `file` where the file cannot be read; `data` where it is no such file, is damaged, or an array cannot be read
    ///   (``NumPyArray/init(contentsOf:)``).
    public init(contentsOf path: String) throws(TensorError) {
        let archive = try ZipArchive(contentsOf: path)
        arrays = []
        for member in archive.members {
            guard member.name.hasSuffix(NumPyArchive.suffix) else {
                throw TensorError(
                    .data, "\(path): file \(quoted(member.name)) of the archive is no .npy; name a .npz file")
            }
            let name = String(member.name.dropLast(NumPyArchive.suffix.count))
            let bytes = try archive.contents(of: member)
            arrays.append(Entry(name: name, array: try NumPyArray(npy: bytes, path: "\(path): array \(quoted(name))")))
        }
    }

    /// Writes a `.npz` file that `numpy.load` reads: under a temporary name beside `path`, synchronised, then renamed. Equal
    /// contents give equal bytes.
    ///
    /// - Parameter isCompressed: whether the arrays are deflated, as by `numpy.savez_compressed`.
    /// - Throws: `invalidArgument` where a name occurs twice or cannot be one, or an array cannot be written; `file` where the
    ///   file cannot.
    public func write(to path: String, isCompressed: Bool = false) throws(TensorError) {
        var names: Set<String> = []
        for entry in arrays {
            guard names.insert(entry.name).inserted, entry.name.utf8.count < 65_000 else {
                throw TensorError(
                    .invalidArgument,
                    "\(path): array name \(quoted(entry.name)) occurs twice or is too long; rename it")
            }
        }
        try ZipWriter.write(arrays.map { $0.name + NumPyArchive.suffix }, deflates: isCompressed, to: path) {
            index throws(TensorError) in
            try arrays[index].array.npy("\(path): array \(quoted(arrays[index].name))")
        }
    }
}
