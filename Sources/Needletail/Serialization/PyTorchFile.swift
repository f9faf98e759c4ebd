import TensorRuntime

/// The tensors of a file that `torch.save` wrote: a zip archive of a pickle, which says what there is, and of storages.
///
/// Pickles are programs. This reads the few instructions that a dictionary of tensors is made of, and calls nothing: of what
/// the file names, only the makers of tensors and ordered dictionaries are known, and all else is an error.
struct PyTorchFile {
    static let pickleName = "/data.pkl"
    /// Of a pickle without its storages: names and shapes.
    private static let maximumPickle = 1 << 28
    /// Bytes of tensors that a file of any size may have: an expanded tensor is one element, read a thousand times.
    private static let plainBytes = 1 << 26

    private(set) var tensors: [(name: String, tensor: SafeTensorsFile.Entry)] = []
    private let archive: ZipArchive
    private var prefix = ""
    private var storages: [String: [UInt8]] = [:]
    /// Of all tensors, of which several may be of one storage.
    private var byteCount = 0
    /// Of all storages that were read; a hostile directory names one place often.
    private var storedCount = 0

    /// Whether a file begins as a pickle that is in no archive.
    static func isOld(_ start: [UInt8]) -> Bool { start.count >= 2 && start[0] == 0x80 && (2...5).contains(start[1]) }

    init(_ archive: ZipArchive) throws(TensorError) {
        self.archive = archive
        guard let member = archive.members.first(where: { $0.name.hasSuffix(PyTorchFile.pickleName) }) else {
            throw archive.corrupt("has no data.pkl")
        }
        guard member.size <= PyTorchFile.maximumPickle, member.size / 16 <= archive.byteCount else {
            throw archive.corrupt("has a pickle of \(member.size) bytes")
        }
        prefix = String(member.name.dropLast(PyTorchFile.pickleName.count - 1))
        if let order = archive["\(prefix)byteorder"] {
            guard order.size <= 16 else { throw archive.corrupt("has a byte order of \(order.size) bytes") }
            let text = String(decoding: try archive.contents(of: order), as: UTF8.self)
            guard text == "little" else {
                throw TensorError(
                    .data,
                    "\(archive.path): was written on a machine of byte order \(quoted(text)); "
                        + "save it as safetensors")
            }
        }
        let found = try PickleReader.read(try archive.contents(of: member), path: archive.path) {
            root throws(TensorError) in
            try PyTorchFile.dictionary(root, path: archive.path)
        }
        for (name, tensor) in found { tensors.append((name, try entry(name, tensor))) }
    }

    /// The dictionary of tensors: what was saved, or what lies in it under one of the usual names.
    private static func dictionary(
        _ root: PickleValue, path: String
    ) throws(TensorError) -> [(String, PickleTensor)] {
        guard case .dictionary(let all) = root else {
            throw TensorError(
                .data, "\(path): holds \(root.kind), not a state dictionary; save model.state_dict()")
        }
        if let found = PyTorchFile.tensors(of: all) { return found }
        for key in ["state_dict", "model_state_dict", "model"] {
            guard case .dictionary(let inner)? = all[key], let found = PyTorchFile.tensors(of: inner) else { continue }
            return found
        }
        let keys = all.pairs.prefix(8).map { "\($0.key.text.map(quoted) ?? $0.key.kind): \($0.value.kind)" }
        throw TensorError(
            .data,
            "\(path): is no dictionary of tensors, but has \(keys.joined(separator: ", ")); save "
                + "model.state_dict(), or put it under 'state_dict'")
    }

    /// Nil where anything else is among them.
    private static func tensors(of dictionary: PickleDictionary) -> [(String, PickleTensor)]? {
        var result: [(String, PickleTensor)] = []
        for pair in dictionary.pairs {
            guard let name = pair.key.text, case .tensor(let tensor) = pair.value else { return nil }
            result.append((name, tensor))
        }
        return result
    }

    private mutating func entry(_ name: String, _ tensor: PickleTensor) throws(TensorError) -> SafeTensorsFile.Entry {
        let dtype = tensor.storage.dtype
        let width = dtype.byteCount
        if storages[tensor.storage.key] == nil {
            guard let member = archive["\(prefix)data/\(tensor.storage.key)"] else {
                throw archive.corrupt("has no storage \(quoted(tensor.storage.key)) for tensor \(quoted(name))")
            }
            let (sum, isOver) = storedCount.addingReportingOverflow(member.size)
            guard !isOver, sum / 16 <= archive.byteCount else {
                throw archive.corrupt("has more than \(storedCount) bytes of storages in \(archive.byteCount)")
            }
            storedCount = sum
            storages[tensor.storage.key] = try archive.contents(of: member)
        }
        let bytes = storages[tensor.storage.key] ?? []
        // The last element's place, with every step checked: the numbers are the file's.
        var last = tensor.offset
        var count = 1
        for (extent, stride) in zip(tensor.shape, tensor.strides) {
            let (span, isFar) = Swift.max(extent - 1, 0).multipliedReportingOverflow(by: stride)
            let (sum, isOver) = last.addingReportingOverflow(span)
            let (product, isMany) = count.multipliedReportingOverflow(by: extent)
            guard !isFar, !isOver, !isMany else {
                throw archive.corrupt("tensor \(quoted(name)) has shape \(tensor.shape) at strides \(tensor.strides)")
            }
            (last, count) = (sum, product)
        }
        guard count == 0 || last < bytes.count / width else {
            throw archive.corrupt(
                "tensor \(quoted(name)) of shape \(tensor.shape) reaches beyond its storage of \(bytes.count) bytes")
        }
        // An expanded tensor has more elements than its storage, but no file makes much of nothing.
        let (size, isLarge) = count.multipliedReportingOverflow(by: width)
        let (sum, isOver) = byteCount.addingReportingOverflow(size)
        guard !isLarge, !isOver, sum <= PyTorchFile.plainBytes || sum / 16 <= archive.byteCount else {
            throw TensorError(
                .data,
                "\(archive.path): \(isLarge || isOver ? "more than \(Int.max)" : "\(sum)") bytes of tensors in "
                    + "\(archive.byteCount), with \(quoted(name)) of shape \(tensor.shape); save expanded tensors with "
                    + ".contiguous(), or as safetensors")
        }
        byteCount = sum
        let elements =
            count == 0
            ? []
            : NumPyArray.gathered(
                bytes, shape: tensor.shape,
                byteStrides: zip(tensor.shape, tensor.strides).map { $0 > 1 ? $1 * width : 0 },
                start: tensor.offset * width, width: width)
        if dtype == .bool, let wrong = elements.first(where: { $0 > 1 }) {
            throw archive.corrupt("tensor \(quoted(name)) is bool and holds \(wrong)")
        }
        return SafeTensorsFile.Entry(name: name, dtype: dtype, shape: tensor.shape, bytes: elements)
    }
}
