import Foundation
import TensorRuntime

/// What layers of ``Sequential``s made, while a summary is drawn up.
final class LayerRecord { var outputs: [ObjectIdentifier: Shape] = [:] }

/// Where in ``Sequential``s the running layer stands, for messages and summaries.
///
/// A thread's innermost place is kept in its own storage: calling a layer is synchronous, and noting its number is one
/// write, which a task-local would not be.
struct LayerPlace {
    private var outer: UnsafeMutablePointer<LayerPlace>?
    /// The number of the layer that runs; nil is no place.
    var index: Int? = 0
    /// Where outputs are noted; nil but while a summary is drawn up.
    private(set) var record: Unmanaged<LayerRecord>?

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static var innermost: UnsafeMutablePointer<LayerPlace>? {
        pthread_getspecific(key)?.assumingMemoryBound(to: LayerPlace.self)
    }

    /// Runs `body`, which writes to its argument which layer it calls.
    static func within<Result>(_ body: (UnsafeMutablePointer<LayerPlace>) -> Result) -> Result {
        let outer = innermost
        return run(LayerPlace(outer: outer, record: outer?.pointee.record), body)
    }

    /// Runs `body`, whose layers are noted in `record`.
    static func recording<Result>(in record: LayerRecord, _ body: () -> Result) -> Result {
        withExtendedLifetime(record) {
            run(LayerPlace(outer: innermost, index: nil, record: .passUnretained(record))) { _ in body() }
        }
    }

    private static func run<Result>(
        _ place: LayerPlace, _ body: (UnsafeMutablePointer<LayerPlace>) -> Result
    ) -> Result {
        var place = place
        return withUnsafeMutablePointer(to: &place) { pointer in
            pthread_setspecific(key, pointer)
            defer { pthread_setspecific(key, pointer.pointee.outer) }
            return body(pointer)
        }
    }

    /// Notes what a layer made, where a summary is drawn up.
    @inline(__always)
    func note(_ layer: any UnaryLayer, made output: Tensor) {
        guard let record else { return }
        record.takeUnretainedValue().outputs[ObjectIdentifier(layer)] = output.shape
    }

    /// `3: `, or `1.0: ` in a Sequential within another; nothing outside.
    static var prefix: String {
        var numbers: [String] = []
        var next = innermost
        while let place = next {
            if let index = place.pointee.index { numbers.append(String(index)) }
            next = place.pointee.outer
        }
        return numbers.isEmpty ? "" : numbers.reversed().joined(separator: ".") + ": "
    }
}
