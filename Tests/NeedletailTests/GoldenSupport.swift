import Foundation
import Needletail
import Testing

/// A file of `Golden/`, made by `make_golden.py` with PyTorch: cases of inputs, results and gradients.
struct GoldenFile {
    let name: String
    private let entries: [String: SafeTensorsFile.Entry]

    init(_ name: String) {
        self.name = name
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        let file = try! SafeTensorsFile(contentsOf: folder.appendingPathComponent("\(name).safetensors").path)
        entries = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    }

    /// The cases of the file: what has a result.
    var cases: [String] { entries.keys.filter { $0.hasSuffix("/out") }.map { String($0.dropLast(4)) }.sorted() }
    /// All names of tensors, sorted.
    var names: [String] { entries.keys.sorted() }

    func has(_ name: String) -> Bool { entries[name] != nil }

    func entry(_ name: String) throws -> SafeTensorsFile.Entry {
        try #require(entries[name], "no \(name) in \(self.name)")
    }

    func tensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        return Tensor(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype)
    }

    /// `prefix0`, `prefix1`, ... as far as there are any.
    func tensors(_ prefix: String) throws -> [Tensor] {
        var result: [Tensor] = []
        while has("\(prefix)\(result.count)") { result.append(try tensor("\(prefix)\(result.count)")) }
        return result
    }

    /// The elements as `Double`s.
    func numbers(_ name: String) throws -> [Double] {
        let entry = try entry(name)
        return GoldenFile.numbers(entry.bytes, entry.dtype)
    }

    static func numbers(_ bytes: [UInt8], _ dtype: DType) -> [Double] {
        func load<Word, Number>(_ word: Word.Type, _ convert: (Word) -> Number) -> [Number] {
            bytes.withUnsafeBytes { raw in
                stride(from: 0, to: raw.count, by: MemoryLayout<Word>.size).map {
                    convert(raw.loadUnaligned(fromByteOffset: $0, as: Word.self))
                }
            }
        }
        switch dtype {
        case .bool, .uint8: return bytes.map(Double.init)
        case .int32: return load(Int32.self) { Double($0) }
        case .int64: return load(Int64.self) { Double($0) }
        case .float32: return load(Float.self) { Double($0) }
        case .float64: return load(Double.self) { $0 }
        case .bfloat16: return load(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .float16: return load(UInt16.self, half)
        }
    }

    private static func half(_ bits: UInt16) -> Double {
        let sign = bits >> 15 == 0 ? 1.0 : -1.0
        let exponent = Int(bits >> 10 & 31)
        let fraction = Double(bits & 1023)
        if exponent == 31 { return fraction == 0 ? sign * .infinity : .nan }
        return sign
            * (exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * Foundation.pow(2, Double(exponent - 25)))
    }
}

/// How far a result may be from the golden one.
struct GoldenTolerance {
    /// Of the element.
    var relative = 4e-6
    /// Of the largest element, or of 1 where that is smaller.
    var absolute = 1e-6
    /// The squared error by the squared length.
    var normalizedSquare = 1e-10
}

/// Compares elements: NaN and infinities at the same places, the others within the tolerance.
func expectGolden(
    _ actual: [Double], _ expected: [Double], _ what: String, _ tolerance: GoldenTolerance = GoldenTolerance(),
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.count == expected.count else {
        Issue.record("\(what): \(actual.count) elements, not \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    let scale = max(1, expected.filter(\.isFinite).map(abs).max() ?? 0)
    var error = 0.0
    var length = 0.0
    for (index, (a, e)) in zip(actual, expected).enumerated() {
        if a.isNaN && e.isNaN { continue }
        if a == e {
            if e.isFinite { length += e * e }
            continue
        }
        guard e.isFinite, abs(a - e) <= tolerance.relative * abs(e) + tolerance.absolute * scale else {
            Issue.record("\(what)[\(index)] is \(a), not \(e)", sourceLocation: sourceLocation)
            return
        }
        error += (a - e) * (a - e)
        length += e * e
    }
    if length > 0 {
        #expect(error / length <= tolerance.normalizedSquare, "\(what)", sourceLocation: sourceLocation)
    }
}

/// Compares a tensor with one of the file: dtype, shape, elements.
func expectGolden(
    _ actual: Tensor, _ file: GoldenFile, _ name: String, _ tolerance: GoldenTolerance = GoldenTolerance(),
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let entry = try file.entry(name)
    let what = "\(file.name): \(name)"
    #expect(actual.dtype == entry.dtype, "\(what)", sourceLocation: sourceLocation)
    #expect(Array(actual.shape) == entry.shape, "\(what)", sourceLocation: sourceLocation)
    expectGolden(
        GoldenFile.numbers(try actual.bytes(), actual.dtype), try file.numbers(name), what, tolerance,
        sourceLocation: sourceLocation)
}

/// A row of a table: a case of a golden file, and the same thing written with Needletail.
struct GoldenCase: Sendable, CustomTestStringConvertible {
    let name: String
    let tolerance: GoldenTolerance
    let function: @Sendable ([Tensor]) -> Tensor

    init(
        _ name: String, relative: Double = 4e-6, absolute: Double = 1e-6,
        _ function: @escaping @Sendable ([Tensor]) -> Tensor
    ) {
        self.name = name
        tolerance = GoldenTolerance(
            relative: relative, absolute: absolute, normalizedSquare: Swift.max(1e-10, relative * relative))
        self.function = function
    }

    var testDescription: String { name }

    /// Compares the result and, where the file has them, the gradients by the inputs, on the CPU.
    func check(_ file: GoldenFile) throws { try withDevice(.cpu) { try compare(with: file) } }

    /// The same on the current device.
    func compare(with file: GoldenFile) throws {
        var inputs = try file.tensors("\(name)/in")
        let leaves = inputs.indices.filter { file.has("\(name)/d\($0)") }
        for index in leaves { inputs[index] = inputs[index].requiringGrad() }
        let out = function(inputs)
        try expectGolden(out, file, "\(name)/out", tolerance)
        guard !leaves.isEmpty else { return }
        let found = gradients(
            of: out, withRespectTo: leaves.map { inputs[$0] }, gradient: try file.tensor("\(name)/g"))
        for (index, gradient) in zip(leaves, found) {
            // No path is the same as a gradient of zeros.
            try expectGolden(
                gradient ?? Tensor.zerosLike(inputs[index].detach()), file, "\(name)/d\(index)", tolerance)
        }
    }
}

extension GoldenTolerance: Sendable {}
extension GoldenFile: Sendable {}

extension [GoldenCase] {
    /// Compares all cases of a file, of which none is left out, on one device.
    func compare(with file: GoldenFile, on device: GraphDevice) throws {
        #expect(map(\.name).sorted() == file.cases)
        try device.run { _ in
            for row in self {
                do {
                    try checked { try row.compare(with: file) }
                } catch {
                    Issue.record("\(file.name): \(row.name) on \(device): \(error)")
                }
            }
        }
    }
}
