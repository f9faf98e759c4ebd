import Foundation
import Needletail
import NeedletailTraining
import Testing

/// A file of `Golden/`: tensors by name.
struct TrainingGolden {
    private let entries: [String: SafeTensorsFile.Entry]

    init(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = try SafeTensorsFile(
            contentsOf: folder.appendingPathComponent("Golden/\(name).safetensors").path)
        entries = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    }

    var names: [String] { entries.keys.sorted() }

    func array(_ name: String) throws -> HostArray {
        let entry = try #require(entries[name], "no \(name)")
        return HostArray(bytes: entry.bytes, shape: Shape(entry.shape), dtype: entry.dtype)
    }

    func tensor(_ name: String) throws -> Tensor { Tensor(try array(name)) }
}

/// The largest difference of two arrays of bytes of a shape.
func largestDifference(_ one: HostArray, _ other: HostArray) -> Int {
    guard one.shape == other.shape else { return .max }
    return zip(one.bytes, other.bytes).map { abs(Int($0) - Int($1)) }.max() ?? 0
}
