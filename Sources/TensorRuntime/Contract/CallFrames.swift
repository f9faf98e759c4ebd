#if canImport(Runtime)
    import Runtime
#endif

/// The user's functions on the stack.
enum CallFrames {
    struct Frame {
        /// `/home/ada/App/main.swift:12`
        var place: String
        var function: String
    }

    /// The modules whose functions are the package's own.
    static let modules = ["TensorRuntime", "TensorGraph", "Needletail", "NeedletailTraining", "NeedletailVision"]

    /// The innermost `limit` functions that are neither this package's nor Swift's, with their lines; none where the
    /// program has no debug information, or the toolchain no module that reads it.
    static func ofUser(limit: Int) -> [Frame] {
        #if canImport(Runtime)
            guard let stack = try? Backtrace.capture(limit: 64).symbolicated() else { return [] }
            var result: [Frame] = []
            for frame in stack.frames {
                guard let symbol = frame.symbol, let source = symbol.sourceLocation, source.line > 0,
                    isUsers(source.path), !symbol.isSwiftThunk
                else { continue }
                let place = "\(source.path):\(source.line)"
                if result.last?.place == place { continue }
                result.append(Frame(place: place, function: symbol.name))
                if result.count == limit { break }
            }
            return result
        #else
            return []
        #endif
    }

    /// Whether a source file is none of this package's modules, none of Swift's own, and none that a compiler wrote.
    private static func isUsers(_ path: String) -> Bool {
        let others = ["<compiler-generated>", "/swift/stdlib/", "/swift-generated-sources/"]
        guard path.hasPrefix("/"), !others.contains(where: path.contains) else { return false }
        return !modules.contains { path.hasPrefix("\(sources)/\($0)/") }
    }

    /// The folder of this package's modules, where it was compiled.
    private static let sources = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")
}
