import Needletail
import TensorRuntime
import Testing

/// The error that `body` throws, which must be of that kind and on one line with the text in it.
func expectError<Result>(
    _ kind: TensorError.Kind, containing texts: String..., sourceLocation: SourceLocation = #_sourceLocation,
    body: () throws(TensorError) -> Result
) {
    do {
        _ = try body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
    } catch {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        for text in texts {
            #expect(error.message.contains(text), "no \(text) in: \(error)", sourceLocation: sourceLocation)
        }
        #expect(!error.message.contains("\n"), "more than one line: \(error)", sourceLocation: sourceLocation)
    }
}

/// Each call must be a wrong one, whose error is on one line with the text in it.
func expectWrongCalls(_ calls: [(text: String, call: () -> Tensor)], sourceLocation: SourceLocation = #_sourceLocation)
{
    for (text, call) in calls {
        expectError(.invalidArgument, containing: text, sourceLocation: sourceLocation) { () throws(TensorError) in
            do {
                _ = try checked { call() }
            } catch let error as TensorError {
                throw error
            } catch {
                Issue.record(error, sourceLocation: sourceLocation)
            }
        }
    }
}
