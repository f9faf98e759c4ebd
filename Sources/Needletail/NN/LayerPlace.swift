import Foundation

/// Where in ``Sequential``s the running layer stands, for messages.
///
/// A thread's innermost place is kept in its own storage: calling a layer is synchronous, and noting its number is one
/// write, which a task-local would not be.
struct LayerPlace {
    private var outer: UnsafeMutablePointer<LayerPlace>?
    /// The number of the layer that runs.
    var index = 0

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
        var place = LayerPlace(outer: outer)
        return withUnsafeMutablePointer(to: &place) { pointer in
            pthread_setspecific(key, pointer)
            defer { pthread_setspecific(key, outer) }
            return body(pointer)
        }
    }

    /// `3: `, or `1.0: ` in a Sequential within another; nothing outside.
    static var prefix: String {
        var numbers: [String] = []
        var next = innermost
        while let place = next {
            numbers.append(String(place.pointee.index))
            next = place.pointee.outer
        }
        return numbers.isEmpty ? "" : numbers.reversed().joined(separator: ".") + ": "
    }
}
