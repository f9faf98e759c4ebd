import Needletail
import TensorRuntime
import Testing

/// A wrong call in `body`, whose error has the text and a remedy in it.
func expectWrongCall(
    containing text: String, sourceLocation: SourceLocation = #_sourceLocation, body: () throws -> Void
) {
    do {
        try checked(body)
        Issue.record("no error was thrown: \(text)", sourceLocation: sourceLocation)
    } catch let error as TensorError {
        #expect(error.kind == .invalidArgument, "\(error)", sourceLocation: sourceLocation)
        #expect(error.message.contains(text), "no \(text) in: \(error)", sourceLocation: sourceLocation)
        #expect(error.message.contains(";"), "no remedy: \(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}
