/// A strict JSON reader for files that may be hostile: keys keep their order, a repeated key is an error, integers stay
/// exact, and nesting is bounded.
///
/// It gives whole values (``parse(_:)``), or is asked for what a text should hold, member by member (``read(_:_:)``): then
/// a long text that holds something else costs no more than its beginning.
package struct JSONParser {
    /// Why the text is not JSON, and at which byte.
    package struct Failure: Error, Equatable {
        package let reason: String
        package let offset: Int
    }

    /// Objects and arrays within each other at most.
    package static let maximumDepth = 32

    private let bytes: [UInt8]
    private var position = 0

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Parses one value, with nothing but white space around it. Linear in the bytes.
    package static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
        var result = JSONValue.null
        try read(bytes) { (parser) throws(Failure) in result = try parser.value(depth: 0) }
        return result
    }

    /// Reads a text by `body`, which asks for one value. Nothing but white space may stand around it.
    package static func read(
        _ bytes: [UInt8], _ body: (inout JSONParser) throws(Failure) -> Void
    ) throws(Failure) {
        var parser = JSONParser(bytes: bytes)
        parser.skipSpace()
        try body(&parser)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("text after the value") }
    }

    /// An error at the place that is reached.
    package func failure(_ reason: String) -> Failure { Failure(reason: reason, offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func take(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count else { return false }
        for index in 0..<count where bytes[position + index] != word.utf8Start[index] { return false }
        position += count
        return true
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        skipSpace()
        guard let byte = current else { throw failure("text ends where a value should be") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t") where take(word: "true"): return .bool(true)
        case UInt8(ascii: "f") where take(word: "false"): return .bool(false)
        case UInt8(ascii: "n") where take(word: "null"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("no value")
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSONValue {
        var members: [JSONValue.Member] = []
        try readObject(depth: depth) { (parser, key) throws(Failure) in
            members.append(JSONValue.Member(key, try parser.value(depth: depth)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(Failure) -> JSONValue {
        var values: [JSONValue] = []
        try readArray(depth: depth) { (parser) throws(Failure) in values.append(try parser.value(depth: depth)) }
        return .array(values)
    }

    // MARK: Asking for one kind of value

    /// Whether an object begins here.
    package var isAtObject: Bool { current == UInt8(ascii: "{") }
    /// Whether an array begins here.
    package var isAtArray: Bool { current == UInt8(ascii: "[") }

    /// Reads an object, `member` the value of each key.
    package mutating func readObject(
        depth: Int = 1, _ member: (inout JSONParser, String) throws(Failure) -> Void
    ) throws(Failure) {
        guard depth <= JSONParser.maximumDepth else { throw failure("nested deeper than \(JSONParser.maximumDepth)") }
        guard take("{") else { throw failure("no object") }
        var keys: Set<String> = []
        skipSpace()
        if take("}") { return }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("no key") }
            let key = try string()
            guard keys.insert(key).inserted else { throw failure("name \(quoted(key)) occurs twice") }
            skipSpace()
            guard take(":") else { throw failure("no colon after a key") }
            skipSpace()
            try member(&self, key)
            skipSpace()
        } while take(",")
        guard take("}") else { throw failure("object without an end") }
    }

    /// Reads an array, `element` each of its values.
    package mutating func readArray(
        depth: Int = 1, _ element: (inout JSONParser) throws(Failure) -> Void
    ) throws(Failure) {
        guard depth <= JSONParser.maximumDepth else { throw failure("nested deeper than \(JSONParser.maximumDepth)") }
        guard take("[") else { throw failure("no array") }
        skipSpace()
        if take("]") { return }
        repeat {
            skipSpace()
            try element(&self)
            skipSpace()
        } while take(",")
        guard take("]") else { throw failure("array without an end") }
    }

    /// Reads a string; nil, and nothing read, where another value stands.
    package mutating func readString() throws(Failure) -> String? {
        current == UInt8(ascii: "\"") ? try string() : nil
    }

    /// Reads an integer of at least 0; nil where another value stands, or a number that is none or too large.
    package mutating func readCount() throws(Failure) -> Int? {
        guard let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        guard case .integer(let value) = try number() else { return nil }
        return value
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        return position - start
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = position
        _ = take("-")
        let leadingZero = current == UInt8(ascii: "0")
        let count = digits()
        guard count == 1 || (count > 1 && !leadingZero) else { throw failure("malformed number") }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard digits() > 0 else { throw failure("malformed number") }
        }
        if take("e") || take("E") {
            isInteger = false
            _ = take("+") || take("-")
            guard digits() > 0 else { throw failure("malformed number") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text) else { throw failure("malformed number") }
        return .number(value)
    }

    private mutating func string() throws(Failure) -> String {
        position += 1
        var units: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: units, as: UTF8.self) else { throw failure("string is not UTF-8") }
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &units)
            case 0..<0x20: throw failure("control character in a string")
            default:
                units.append(byte)
                position += 1
            }
        }
        throw failure("string without an end")
    }

    private mutating func escape(into units: inout [UInt8]) throws(Failure) {
        guard let byte = current else { throw failure("string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xD800, code < 0xDC00 {
                guard take(word: "\\u") else { throw failure("half a surrogate pair") }
                let low = try hexadecimal()
                guard low >= 0xDC00, low < 0xE000 else { throw failure("half a surrogate pair") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
            units.append(contentsOf: UTF8.encode(scalar)!)
        default: throw failure("unknown escape")
        }
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        guard bytes.count - position >= 4 else { throw failure("string without an end") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
                throw failure("malformed \\u escape")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
