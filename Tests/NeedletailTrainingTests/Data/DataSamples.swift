import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Example i is the numbers i and i + 0.5, of class i % 3. It notes which examples were asked for.
final class CountedDataset: Dataset {
    let count: Int
    private let broken: Int?
    private let made = Lock<[Int]>([])

    init(_ count: Int, broken: Int? = nil) {
        self.count = count
        self.broken = broken
    }

    /// Examples that were asked for, in order.
    var asked: [Int] { made.withLock { $0 } }

    func example(at index: Int) throws -> Example {
        made.withLock { $0.append(index) }
        if index == broken { throw TensorError(.file, "/data/\(index).png: is broken; get it again") }
        return Example(HostArray([Float(index), Float(index) + 0.5]), HostArray(Int64(index % 3)))
    }
}

/// The numbers of the examples in batches of ``CountedDataset``, or of tensors whose rows begin with the number.
func exampleNumbers(_ batches: some Sequence<Batch>) throws -> [[Int]] {
    try batches.map { batch in
        let numbers = try batch.features.scalars(as: Float.self)
        let width = numbers.count / max(batch.count, 1)
        return (0..<batch.count).map { Int(numbers[$0 * width]) }
    }
}

/// The error that `body` throws, inside of `checked`, must be of a kind and hold all texts.
func expectDataError(
    _ kind: TensorError.Kind, _ texts: String..., sourceLocation: SourceLocation = #_sourceLocation,
    body: () throws -> Void
) {
    do {
        try checked(body)
        Issue.record("no error was thrown: \(texts)", sourceLocation: sourceLocation)
    } catch let error as TensorError {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        for text in texts + [";"] {
            #expect(error.message.contains(text), "no '\(text)' in: \(error)", sourceLocation: sourceLocation)
        }
        #expect(!error.message.contains("\n"), "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}

/// A directory of a test's own, which goes with it.
final class ScratchDirectory {
    let path: String

    init() {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("needletail-data-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            Issue.record("\(error)")
        }
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(error)") }
    }

    /// Writes a file, with the directories above it, and says where.
    @discardableResult func write(_ bytes: [UInt8], to name: String) -> String {
        let file = "\(path)/\(name)"
        do {
            try FileManager.default.createDirectory(
                atPath: URL(fileURLWithPath: file).deletingLastPathComponent().path, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(fileURLWithPath: file))
        } catch {
            Issue.record("\(error)")
        }
        return file
    }

    @discardableResult func write(_ text: String, to name: String) -> String { write(Array(text.utf8), to: name) }
}
