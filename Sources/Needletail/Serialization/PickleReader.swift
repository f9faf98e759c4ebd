import TensorRuntime

/// What a pickle of tensors can hold.
indirect enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(String)
    /// With how many tuples are in one another.
    case tuple([PickleValue], depth: Int)
    case list(PickleList)
    case dictionary(PickleDictionary)
    /// A function or class by its name, which is not called.
    case global(String)
    case storage(PickleStorage)
    case tensor(PickleTensor)

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }

    /// For messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a bool"
        case .integer: "an int"
        case .float: "a float"
        case .text: "a str"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dict"
        case .global(let name): name
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }
}

/// Lists and dictionaries are filled after they are made, and may be met again.
final class PickleList {
    fileprivate var elements: [PickleValue] = []
}

/// Keeps all that can hold itself or a long chain of others, and empties one after the other: released in one another, a
/// hostile file's would overflow the stack.
private final class PickleHeap {
    var lists: [PickleList] = []
    var dictionaries: [PickleDictionary] = []

    deinit {
        for list in lists { list.elements = [] }
        for dictionary in dictionaries { dictionary.empty() }
    }
}

final class PickleDictionary {
    /// In the order of their setting.
    private(set) var pairs: [(key: PickleValue, value: PickleValue)] = []
    private var places: [String: Int] = [:]

    func set(_ key: PickleValue, _ value: PickleValue) {
        if let text = key.text {
            if let place = places[text] {
                pairs[place].value = value
                return
            }
            places[text] = pairs.count
        }
        pairs.append((key, value))
    }

    subscript(name: String) -> PickleValue? { places[name].map { pairs[$0].value } }

    fileprivate func empty() { (pairs, places) = ([], [:]) }
}

struct PickleStorage {
    let dtype: DType
    let key: String
}

struct PickleTensor {
    let storage: PickleStorage
    /// In elements.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// Reads a pickle, as far as a dictionary of tensors needs it.
///
/// Source: [pickletools](https://docs.python.org/3/library/pickletools.html).
struct PickleReader {
    private static let storages: [String: DType] = [
        "torch.DoubleStorage": .float64, "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
        "torch.BFloat16Storage": .bfloat16, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
        "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
    ]
    private static let makers: Set<String> = [
        "collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.Size",
    ]

    /// Of tuples in one another.
    private static let maximumDepth = 32

    private let heap = PickleHeap()
    private let bytes: [UInt8]
    private let path: String
    private var place = 0
    private var stack: [PickleValue] = []
    /// Where the stack was at each mark.
    private var marks: [Int] = []
    private var memory: [Int: PickleValue] = [:]

    private init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// Gives `body` the value that the pickle makes, which is emptied afterwards.
    static func read<Result>(
        _ bytes: [UInt8], path: String, _ body: (PickleValue) throws(TensorError) -> Result
    ) throws(TensorError) -> Result {
        var reader = PickleReader(bytes, path: path)
        let root = try reader.value()
        defer { withExtendedLifetime(reader.heap) {} }
        return try body(root)
    }

    private func corrupt(_ reason: String) -> TensorError {
        TensorError(
            .data, "\(path): byte \(place) of its data.pkl: \(reason); get the file again, or save it as safetensors")
    }

    private func unknown(_ what: String) -> TensorError {
        TensorError(
            .data,
            "\(path): byte \(place) of its data.pkl: \(what), which is no part of a dictionary of tensors, and nothing of a "
                + "file is run here; save model.state_dict() with safetensors.torch.save_file")
    }

    private mutating func value() throws(TensorError) -> PickleValue {
        while true {
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") { return try pop() }
            try run(opcode)
        }
    }

    private mutating func run(_ opcode: UInt8) throws(TensorError) {
        switch opcode {
        case 0x80: _ = try byte()
        case 0x95: _ = try number(8)
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try byte())))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try number(2))))
        case 0x8A: try readLong()
        case UInt8(ascii: "G"):
            stack.append(.float(Double(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) })))
        case UInt8(ascii: "X"): try readText(length: Int(try number(4)))
        case 0x8C: try readText(length: Int(try byte()))
        case UInt8(ascii: "}"): makeDictionary()
        case UInt8(ascii: "]"):
            heap.lists.append(PickleList())
            stack.append(.list(heap.lists[heap.lists.count - 1]))
        case UInt8(ascii: ")"): stack.append(.tuple([], depth: 1))
        case UInt8(ascii: "t"): try makeTuple(try popMarked())
        case 0x85, 0x86, 0x87: try makeTuple(Int(opcode - 0x84))
        case UInt8(ascii: "q"): memory[Int(try byte())] = try top()
        case UInt8(ascii: "r"): memory[Int(try number(4))] = try top()
        case 0x94: memory[memory.count] = try top()
        case UInt8(ascii: "h"): try recall(Int(try byte()))
        case UInt8(ascii: "j"): try recall(Int(try number(4)))
        case UInt8(ascii: "a"):
            let element = try pop()
            try append([element])
        case UInt8(ascii: "e"):
            let elements = try popMarked()
            try append(elements)
        case UInt8(ascii: "s"):
            let (value, key) = (try pop(), try pop())
            try set([key, value])
        case UInt8(ascii: "u"):
            let pairs = try popMarked()
            try set(pairs)
        case UInt8(ascii: "c"): try name(try line(), try line())
        case 0x93:
            let (function, module) = (try pop(), try pop())
            guard let function = function.text, let module = module.text else { throw corrupt("a name is no text") }
            try name(module, function)
        case UInt8(ascii: "Q"): try makeStorage(try pop())
        case UInt8(ascii: "R"):
            let arguments = try pop()
            try make(try pop(), arguments)
        case UInt8(ascii: "b"):
            // A state dictionary has its modules' versions beside its tensors.
            _ = try pop()
            guard case .dictionary = try top() else { throw unknown("attributes of \(try top().kind)") }
        default: throw unknown("instruction 0x\(String(opcode, radix: 16))")
        }
    }

    // MARK: What instructions are made of

    private mutating func take(_ count: Int) throws(TensorError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - place else { throw corrupt("ends early") }
        defer { place += count }
        return bytes[place..<place + count]
    }

    private mutating func byte() throws(TensorError) -> UInt8 { try take(1).first! }

    private mutating func number(_ length: Int) throws(TensorError) -> UInt64 {
        try take(length).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func readLong() throws(TensorError) {
        let digits = try take(Int(try byte()))
        guard digits.count <= 8 else { throw corrupt("an integer of \(digits.count) bytes") }
        let start: UInt64 = digits.last.map { $0 > 127 ? .max : 0 } ?? 0
        let value = digits.reversed().reduce(start) { $0 << 8 | UInt64($1) }
        stack.append(.integer(Int(Int64(bitPattern: value))))
    }

    private mutating func readText(length: Int) throws(TensorError) {
        guard let text = String(validating: try take(length), as: UTF8.self) else { throw corrupt("text is no UTF-8") }
        stack.append(.text(text))
    }

    private mutating func line() throws(TensorError) -> String {
        guard let end = bytes[place...].firstIndex(of: 0x0A) else { throw corrupt("ends early") }
        defer { place = end + 1 }
        return String(decoding: bytes[place..<end], as: UTF8.self)
    }

    private func top() throws(TensorError) -> PickleValue {
        guard let value = stack.last else { throw corrupt("the stack is empty") }
        return value
    }

    private mutating func pop() throws(TensorError) -> PickleValue {
        guard let value = stack.popLast() else { throw corrupt("the stack is empty") }
        return value
    }

    private mutating func popMarked() throws(TensorError) -> [PickleValue] {
        guard let mark = marks.popLast(), mark <= stack.count else { throw corrupt("a mark is missing") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func recall(_ index: Int) throws(TensorError) {
        guard let value = memory[index] else { throw corrupt("nothing is kept under \(index)") }
        stack.append(value)
    }

    // MARK: What they make

    private mutating func makeTuple(_ count: Int) throws(TensorError) {
        guard stack.count >= count else { throw corrupt("the stack is empty") }
        let elements = Array(stack.suffix(count))
        stack.removeLast(count)
        try makeTuple(elements)
    }

    private mutating func makeTuple(_ elements: [PickleValue]) throws(TensorError) {
        let depths = elements.map { if case .tuple(_, let depth) = $0 { depth } else { 0 } }
        let depth = 1 + (depths.max() ?? 0)
        guard depth <= PickleReader.maximumDepth else { throw corrupt("\(depth) tuples are in one another") }
        stack.append(.tuple(elements, depth: depth))
    }

    private mutating func makeDictionary() {
        heap.dictionaries.append(PickleDictionary())
        stack.append(.dictionary(heap.dictionaries[heap.dictionaries.count - 1]))
    }

    private func append(_ elements: [PickleValue]) throws(TensorError) {
        guard case .list(let list) = try top() else { throw corrupt("an element for \(try top().kind)") }
        list.elements += elements
    }

    private func set(_ flat: [PickleValue]) throws(TensorError) {
        guard case .dictionary(let dictionary) = try top(), flat.count % 2 == 0 else {
            throw corrupt("\(flat.count) keys and values for \(try top().kind)")
        }
        for index in stride(from: 0, to: flat.count, by: 2) { dictionary.set(flat[index], flat[index + 1]) }
    }

    private mutating func name(_ module: String, _ function: String) throws(TensorError) {
        let name = "\(module).\(function)"
        if PickleReader.storages[name] == nil, !PickleReader.makers.contains(name) {
            let isStorage = name.hasPrefix("torch.") && name.hasSuffix("Storage")
            throw isStorage
                ? TensorError(.data, "\(path): holds a \(name), which there is not here; convert it in PyTorch")
                : unknown("it names \(quoted(name))")
        }
        stack.append(.global(name))
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 12)`.
    private mutating func makeStorage(_ value: PickleValue) throws(TensorError) {
        guard case .tuple(let parts, _) = value, parts.count == 5, parts[0].text == "storage",
            case .global(let name) = parts[1], let dtype = PickleReader.storages[name], let key = parts[2].text
        else { throw corrupt("a storage is described by \(value.kind)") }
        stack.append(.storage(PickleStorage(dtype: dtype, key: key)))
    }

    private mutating func make(_ maker: PickleValue, _ arguments: PickleValue) throws(TensorError) {
        guard case .global(let name) = maker, case .tuple(let parts, _) = arguments else {
            throw corrupt("a call of \(maker.kind)")
        }
        switch (name, parts.first) {
        case ("collections.OrderedDict", nil): makeDictionary()
        case ("torch.Size", .tuple?): stack.append(parts[0])
        // Data, whether it has a gradient, hooks.
        case ("torch._utils._rebuild_parameter", .tensor(let tensor)?): stack.append(.tensor(tensor))
        // Storage, offset, shape, strides, whether it has a gradient, hooks.
        case ("torch._utils._rebuild_tensor_v2", .storage(let storage)?):
            guard parts.count >= 4, let offset = parts[1].integer, offset >= 0,
                let shape = PickleReader.extents(parts[2]), let strides = PickleReader.extents(parts[3]),
                shape.count == strides.count
            else { throw corrupt("a tensor is not described as one") }
            stack.append(.tensor(PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)))
        default: throw unknown("a call of \(name)")
        }
    }

    /// Numbers of at least 0; nil where they are something else.
    private static func extents(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let parts, _) = value, parts.count <= 64 else { return nil }
        let numbers = parts.compactMap(\.integer).filter { $0 >= 0 }
        return numbers.count == parts.count ? numbers : nil
    }
}
