import Foundation
import Needletail
import Testing

/// Wrong calls, on lines that tests know: an exit test's body is compiled as a file of its own.
private enum WrongLines {
    @inline(never) static func dropout() {
        _ = Dropout(2)
    }
    @inline(never) static func operands() {
        _ = Tensor.ones([2, 3]) * Tensor.ones([2])
    }
    @inline(never) static func layers() {
        let model = Sequential([Linear(12, 11), ReLU(), Sequential([Linear(10, 10)])])
        _ = model(Tensor.ones([4, 12]))
    }
    @inline(never) static func place() {
        _ = Tensor.ones([3])[5]
    }
    @inline(never) static func axis() {
        _ = Tensor.ones([2, 3]).shape[2]
    }
    @inline(never) static func loss() {
        _ = crossEntropy(Tensor.ones([2, 3]), Tensor.ones([5], dtype: .int64))
    }

    /// The line of this file on which a text stands.
    static func line(of text: String) throws -> Int {
        let lines = try String(contentsOfFile: #filePath, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        return try #require(lines.firstIndex { $0.hasSuffix(text) }) + 1
    }
}

/// What a wrong call says, and where.
@Suite struct WrongCallTests {
    /// Lines of a program that ended: where, in front of the error, and the rest.
    private func errorLine(of content: [UInt8]?) throws -> String {
        let text = String(decoding: try #require(content), as: UTF8.self)
        return try #require(text.split(separator: "\n").map(String.init).first { $0.contains("error: ") }, "\(text)")
    }

    @Test func aLayersInitialiserNamesTheUsersLine() async throws {
        let line = try WrongLines.line(of: "_ = Dropout(2)")
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.dropout()
        }
        let text = try errorLine(of: result?.standardErrorContent)
        #expect(text.contains("WrongCallTests.swift:\(line): error: Dropout(2.0): not a probability; give"), "\(text)")
    }

    @Test func anOperatorNamesTheUsersLine() async throws {
        let line = try WrongLines.line(of: "* Tensor.ones([2])")
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.operands()
        }
        let text = try errorLine(of: result?.standardErrorContent)
        #expect(text.contains("WrongCallTests.swift:\(line): error: *: shapes [2, 3] and [2]"), "\(text)")
    }

    @Test func aCalledLayerNamesItsPlaceAndTheUsersLine() async throws {
        let line = try WrongLines.line(of: "_ = model(Tensor.ones([4, 12]))")
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.layers()
        }
        let text = try errorLine(of: result?.standardErrorContent)
        #expect(text.contains("WrongCallTests.swift:\(line): error: 2.0: Linear(10, 10): input [4, 11]"), "\(text)")
    }

    @Test func aSubscriptNamesTheUsersLine() async throws {
        let line = try WrongLines.line(of: "_ = Tensor.ones([3])[5]")
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.place()
        }
        let text = try errorLine(of: result?.standardErrorContent)
        #expect(text.contains("WrongCallTests.swift:\(line): error: subscript: index 5 is outside"), "\(text)")
    }

    @Test func theBacktraceIsShortAndOfTheUsersFunctions() async throws {
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.loss()
        }
        let text = String(decoding: try #require(result?.standardErrorContent), as: UTF8.self)
        let calls = text.split(separator: "\n").filter { $0.contains("called at") }
        #expect((1...8).contains(calls.count), "\(text)")
        #expect(calls.first?.contains("WrongCallTests.swift") == true, "\(text)")
        #expect(!calls.contains { $0.contains("Sources/Needletail/") }, "\(text)")
    }

    @Test func whatStandardOutputHeldIsThere() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardOutputContent]) {
            print("loss 0.25")
            _ = Tensor.ones([2, 3]).reshape(7)
        }
        let text = String(decoding: try #require(result?.standardOutputContent), as: UTF8.self)
        #expect(text.contains("loss 0.25"))
    }

    @Test func aShapeSaysWhichAxisItDoesNotHave() async throws {
        let line = try WrongLines.line(of: ".shape[2]")
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            WrongLines.axis()
        }
        let text = try errorLine(of: result?.standardErrorContent)
        #expect(text.contains("WrongCallTests.swift:\(line): error: Shape: axis 2 is outside rank 2"), "\(text)")
    }

    @Test func theErrorOfALayerIsThatOfItsTensor() throws {
        let model = Sequential([ReLU(), Linear(11, 10)])
        var output: Tensor?
        let error = #expect(throws: TensorError.self) { try checked { output = model(Tensor.ones([2, 3])) } }
        #expect(error?.message.hasPrefix("1: Linear(11, 10): input [2, 3]") == true, "\(error as Any)")
        expectError(.invalidArgument, containing: "1: Linear(11, 10)") { () throws(TensorError) in
            try output!.evaluate()
        }
        // Outside of a Sequential there is no number.
        let alone = #expect(throws: TensorError.self) { try checked { Linear(11, 10)(Tensor.ones([2, 3])) } }
        #expect(alone?.message.hasPrefix("Linear(11, 10)") == true)
    }
}
