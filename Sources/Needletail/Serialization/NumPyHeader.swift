import TensorRuntime

/// The header of a `.npy` file: a literal of Python's, `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
///
/// Source: [numpy.lib.format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
struct NumPyHeader {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Of a header; NumPy itself reads no longer ones unless it is told to.
    private static let maximumLength = 1 << 16
    static let maximumRank = 64

    private(set) var type = NumPyType(kind: "f", width: 4, isBigEndian: false)
    private(set) var isFortran = false
    private(set) var shape: [Int] = []
    /// Where the elements begin.
    private(set) var dataStart = 0

    private let bytes: [UInt8]
    private let path: String
    private var place = 0
    private var end = 0

    init(_ bytes: [UInt8], path: String) throws(TensorError) {
        self.bytes = bytes
        self.path = path
        guard bytes.starts(with: NumPyHeader.magic), bytes.count >= 10 else {
            throw TensorError(.data, "\(path): is no .npy file of NumPy's; name one, or write it with numpy.save")
        }
        let version = bytes[6]
        guard (1...3).contains(version), bytes[7] == 0, bytes.count >= 12 else {
            throw TensorError(
                .data, "\(path): version \(version).\(bytes[7]) of .npy is not known; write it with numpy.save")
        }
        place = version == 1 ? 10 : 12
        let length = bytes[8..<place].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= NumPyHeader.maximumLength, length <= bytes.count - place else {
            throw wrong("has a header of \(length) bytes in \(bytes.count)")
        }
        dataStart = place + length
        end = dataStart
        try read()
    }

    func wrong(_ reason: String) -> TensorError {
        TensorError(.data, "\(path): \(reason); the file is corrupt or truncated: write it again with numpy.save")
    }

    private func unexpected() -> TensorError { wrong("has a header that is not valid at byte \(place)") }

    private mutating func read() throws(TensorError) {
        var seen: Set<String> = []
        try expect("{")
        while !accept("}") {
            let key = try text()
            guard seen.insert(key).inserted else { throw unexpected() }
            try expect(":")
            switch key {
            case "descr": try readType()
            case "fortran_order":
                isFortran = accept("True")
                if !isFortran { try expect("False") }
            case "shape": try readShape()
            default: throw unexpected()
            }
            if !accept(",") {
                try expect("}")
                break
            }
        }
        skipBlanks()
        guard place == end, seen.count == 3 else { throw unexpected() }
    }

    private mutating func readType() throws(TensorError) {
        skipBlanks()
        guard place < end, bytes[place] != UInt8(ascii: "[") else {
            // Up to the next key, for the message.
            let rest = String(decoding: bytes[place..<end], as: UTF8.self)
            let fields = rest.firstRange(of: "'fortran_order'").map { rest[..<$0.lowerBound] } ?? rest[...]
            throw TensorError(
                .data,
                "\(path): holds records, \(quoted(fields.trimmed)); save each field by itself, as numpy.save(file, a['field'])"
            )
        }
        let name = try text()
        guard let type = NumPyType(name) else {
            throw TensorError(
                .data,
                "\(path): holds elements of type \(quoted(name)), which is no number here; convert it with astype, as to "
                    + "'<f4' or '<i8'")
        }
        self.type = type
    }

    private mutating func readShape() throws(TensorError) {
        try expect("(")
        while !accept(")") {
            skipBlanks()
            let start = place
            while place < end, (0x30...0x39).contains(bytes[place]) { place += 1 }
            guard let extent = Int(String(decoding: bytes[start..<place], as: UTF8.self)) else { throw unexpected() }
            // Python 2 wrote long integers so.
            _ = accept("L")
            shape.append(extent)
            guard shape.count <= NumPyHeader.maximumRank else {
                throw wrong("has more than \(NumPyHeader.maximumRank) dimensions")
            }
            if !accept(",") {
                try expect(")")
                break
            }
        }
    }

    private mutating func skipBlanks() {
        while place < end, bytes[place] == 0x20 || bytes[place] == 0x0A || bytes[place] == 0x09 || bytes[place] == 0x0D
        {
            place += 1
        }
    }

    private mutating func accept(_ token: String) -> Bool {
        skipBlanks()
        guard bytes[place..<end].starts(with: token.utf8) else { return false }
        place += token.utf8.count
        return true
    }

    private mutating func expect(_ token: String) throws(TensorError) {
        if !accept(token) { throw unexpected() }
    }

    /// A string in either quotes, without escapes.
    private mutating func text() throws(TensorError) -> String {
        let quote: UInt8
        if accept("'") {
            quote = UInt8(ascii: "'")
        } else {
            try expect("\"")
            quote = UInt8(ascii: "\"")
        }
        guard let stop = bytes[place..<end].firstIndex(of: quote) else { throw unexpected() }
        defer { place = stop + 1 }
        return String(decoding: bytes[place..<stop], as: UTF8.self)
    }
}

extension Substring {
    /// Without blanks and commas at its ends.
    fileprivate var trimmed: String {
        func isFiller(_ character: Character) -> Bool { character == " " || character == "," || character == "\n" }
        var rest = drop(while: isFiller)
        while let last = rest.last, isFiller(last) { rest.removeLast() }
        return String(rest)
    }
}

/// An element type of NumPy's: `<f4`.
struct NumPyType {
    /// `b`, `i`, `u`, `f`: bool, signed, unsigned, float.
    let kind: Character
    /// Bytes of an element.
    let width: Int
    let isBigEndian: Bool

    private static let names: [(dtype: DType, name: String)] = [
        (.bool, "|b1"), (.uint8, "|u1"), (.int32, "<i4"), (.int64, "<i8"), (.float16, "<f2"), (.float32, "<f4"),
        (.float64, "<f8"),
    ]

    /// Nil of bfloat16.
    static func name(of dtype: DType) -> String? { names.first { $0.dtype == dtype }?.name }

    init(kind: Character, width: Int, isBigEndian: Bool) {
        self.kind = kind
        self.width = width
        self.isBigEndian = isBigEndian
    }

    /// Nil where it is no number that can be read.
    init?(_ name: String) {
        if name == "?" {
            self.init(kind: "b", width: 1, isBigEndian: false)
            return
        }
        var rest = Substring(name)
        let order = rest.first.flatMap { "<>|=".contains($0) ? $0 : nil }
        if order != nil { rest.removeFirst() }
        guard let kind = rest.popFirst(), let width = Int(rest) else { return nil }
        switch (kind, width) {
        case ("b", 1), ("i", 1), ("u", 1), ("i", 2), ("u", 2), ("i", 4), ("u", 4), ("i", 8), ("u", 8), ("f", 2),
            ("f", 4),
            ("f", 8):
            self.init(kind: kind, width: width, isBigEndian: order == ">")
        default: return nil
        }
    }

    /// The type here that holds all its values; of `u8`, int64.
    var dtype: DType {
        switch (kind, width) {
        case ("b", _): .bool
        case ("u", 1): .uint8
        case ("f", 2): .float16
        case ("f", 4): .float32
        case ("f", _): .float64
        case ("u", 4), (_, 8): .int64
        default: .int32
        }
    }

    /// An element's own bytes, the lowest first, as those of ``dtype``; nil where it does not fit.
    func widened(_ element: [UInt8]) -> [UInt8]? {
        if kind == "u", width == 8, element[7] > 127 { return nil }
        let isNegative = kind == "i" && element[width - 1] > 127
        return element + Array(repeating: isNegative ? 255 : 0, count: dtype.byteCount - width)
    }
}
