import Foundation

/// Where a function of this package was called.
package struct CallSite: Sendable {
    let file: StaticString
    let line: UInt

    package init(_ file: StaticString, _ line: UInt) {
        self.file = file
        self.line = line
    }

    /// `App/main.swift:12`; nil where the package called itself.
    var user: String? {
        let text = "\(file):\(line)"
        return CallFrames.modules.contains { text.hasPrefix("\($0)/") } ? nil : text
    }
}

/// The first error of a `checked` scope.
package final class ErrorBox: Sendable {
    private let first = Lock<TensorError?>(nil)

    package init() {}

    package var error: TensorError? { first.withLock { $0 } }

    package func record(_ error: TensorError) {
        first.withLock { if $0 == nil { $0 = error } }
    }
}

/// A call that no program should make: what every function of the package does with one.
///
/// Inside `checked` the error is kept there. Elsewhere the process ends: standard output is flushed, the error stands on
/// standard error behind the user's line, as a compiler would write it, and the user's calls that led there follow. No
/// crash handler runs, so that no registers are printed.
package enum WrongCall {
    /// Where wrong calls are kept inside `checked`; nil means that they end the process.
    @TaskLocal package static var errors: ErrorBox?

    /// Records `error` inside `checked`; does not return elsewhere.
    ///
    /// - Parameter site: nil where Swift passes none, as to operators: then the user's line is found on the stack.
    @inline(never)
    package static func report(_ error: TensorError, at site: CallSite?) {
        if let errors { errors.record(error) } else { end(error, at: site) }
    }

    /// Ends the process.
    @inline(never)
    package static func end(_ error: TensorError, at site: CallSite?) -> Never {
        fflush(nil)
        let frames = CallFrames.ofUser(limit: 8)
        var text = ""
        if let place = site?.user ?? frames.first?.place { text = "\(place): " }
        text += "error: \(error.message)\n"
        for frame in frames { text += "    called at \(frame.place) by \(frame.function)\n" }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            written += count
        }
        signal(SIGABRT, SIG_DFL)
        abort()
    }
}
