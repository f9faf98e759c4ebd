import Needletail
import Testing

@Suite("Broadcasting and promotion")
struct BroadcastTests {
    @Test(
        "shapes broadcast by NumPy's rule",
        arguments: [
            ([2, 3], [3], [2, 3]), ([2, 1], [1, 3], [2, 3]), ([], [4], [4]), ([5, 1, 2], [3, 1], [5, 3, 2]),
            ([0, 3], [3], [0, 3]), ([1], [0], [0]),
        ] as [(Shape, Shape, Shape)])
    func shapes(_ a: Shape, _ b: Shape, _ expected: Shape) throws {
        let sum = Tensor.ones(a) + Tensor.ones(b)
        #expect(sum.shape == expected)
        #expect(try sum.scalars(as: Float.self) == [Float](repeating: 2, count: expected.elementCount))
    }

    @Test func `a column and a row make a table`() throws {
        let table = Tensor([1, 2, 3] as [Float]).reshape(3, 1) * Tensor([10, 100] as [Float])
        #expect(try table.scalars(as: Float.self) == [10, 100, 20, 200, 30, 300])
    }

    @Test(
        "two tensors promote as in PyTorch",
        arguments: [
            (.bool, .uint8, .uint8), (.uint8, .int32, .int32), (.int32, .int64, .int64), (.int64, .float32, .float32),
            (.float32, .float64, .float64), (.bool, .float32, .float32), (.int64, .float64, .float64),
        ] as [(DType, DType, DType)])
    func promotion(_ a: DType, _ b: DType, _ expected: DType) {
        #expect((Tensor.ones([2], dtype: a) + Tensor.ones([2], dtype: b)).dtype == expected)
        #expect((Tensor.ones([2], dtype: b) * Tensor.ones([2], dtype: a)).dtype == expected)
    }

    @Test func `a Swift scalar never raises the dtype within its kind`() {
        #expect((Tensor.ones([1], dtype: .int32) + 1).dtype == .int32)
        #expect((Tensor.ones([1], dtype: .int32) + 1.5).dtype == .float32)
        #expect((Tensor.ones([1], dtype: .float32) * 2.5).dtype == .float32)
        #expect((Tensor.ones([1], dtype: .float64) + Float(1)).dtype == .float64)
        #expect((Tensor.ones([1], dtype: .float16) + 1.5).dtype == .float16)
        #expect((Tensor.ones([1], dtype: .bool) + 1).dtype == .int64)
        #expect((3 - Tensor.ones([1], dtype: .uint8)).dtype == .uint8)
    }

    @Test func `division of integers gives float32`() throws {
        let quotient = Tensor([7, -7]) / Tensor([2, 2])
        #expect(quotient.dtype == .float32)
        #expect(try quotient.scalars(as: Float.self) == [3.5, -3.5])
        #expect(try (Tensor([1, 2]) / 4).scalars(as: Float.self) == [0.25, 0.5])
    }

    @Test func `the remainder has the divisor's sign`() throws {
        #expect(try (Tensor([7, -7, 7, -7]) % Tensor([3, 3, -3, -3])).scalars(as: Int.self) == [1, 2, -2, -1])
        #expect(try (Tensor([5.5, -5.5] as [Float]) % 2).scalars(as: Float.self) == [1.5, 0.5])
    }

    @Test func `scalars stand on either side`() throws {
        let x = Tensor([1, 2, 4] as [Float])
        #expect(try (10 - x).scalars(as: Float.self) == [9, 8, 6])
        #expect(try (x - 10).scalars(as: Float.self) == [-9, -8, -6])
        #expect(try (8 / x).scalars(as: Float.self) == [8, 4, 2])
        #expect(try (2 * x + 1).scalars(as: Float.self) == [3, 5, 9])
    }

    @Test func `comparisons give bool and mix dtypes`() throws {
        let x = Tensor([1, 2, 3])
        #expect(try (x .> 1.5).scalars(as: Bool.self) == [false, true, true])
        #expect(try (x .== Tensor([1, 0, 3] as [Float])).scalars(as: Bool.self) == [true, false, true])
        #expect((x .<= 2).dtype == .bool)
    }

    @Test func `a scalar that does not fit an integer dtype is an error`() {
        #expect(throws: TensorError.self) { try checked { Tensor.ones([1], dtype: .uint8) + 300 } }
    }

    @Test func `operators trap with both shapes and the operator`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.ones([2, 3]) * Tensor.ones([2])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("*: shapes [2, 3] and [2] do not broadcast"))
    }

    @Test func `named functions trap at the caller's line`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = matmul(Tensor.ones([2, 3]), Tensor.ones([2, 3]))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("BroadcastTests.swift") && text.contains("matmul: shapes [2, 3] and [2, 3]"))
    }
}

@Suite("Wrong calls inside checked")
struct CheckedTests {
    @Test func `the scope throws the first error`() {
        let error = #expect(throws: TensorError.self) {
            try checked {
                let bad = matmul(Tensor.ones([2, 3]), Tensor.ones([4, 5]))
                _ = bad.reshape(7, 7)
                return Tensor.ones([3]) + Tensor.ones([2])
            }
        }
        #expect(error?.message.hasPrefix("matmul: shapes [2, 3] and [4, 5]") == true)
    }

    @Test func `what is computed from a failed tensor is poisoned, and the rest is not`() throws {
        var bad: Tensor?
        let good = Tensor.ones([2])
        #expect(throws: TensorError.self) {
            try checked { bad = (good + Tensor.ones([3])) * 2 }
        }
        let error = #expect(throws: TensorError.self) { try (bad! + 1).sum().item() }
        #expect(error?.kind == .invalidArgument)
        #expect(try good.sum().item() == 2)
    }

    @Test func `errors of the body are passed on`() {
        struct Other: Error {}
        #expect(throws: Other.self) { try checked { throw Other() } }
    }

    static let wrongCalls: [(prefix: String, call: @Sendable () -> Void)] = [
        ("reshape", { _ = Tensor.ones([2, 3]).reshape(4, 2) }),
        ("sum", { _ = Tensor.ones([2, 3]).sum(axes: 2) }),
        (
            "conv2d: kernel 5x5 exceeds padded input 3x3",
            { _ = Tensor.conv2d(Tensor.ones([1, 1, 3, 3]), weight: Tensor.ones([1, 1, 5, 5])) }
        ),
        ("subscript: index 5", { _ = Tensor.ones([3])[5] }),
        ("concatenate", { _ = Tensor.concatenate([Tensor.ones([2, 3]), Tensor.ones([2, 4])]) }),
        ("max:", { _ = Tensor.ones([0, 3]).max(axes: 0) }),
        ("mean", { _ = Tensor([1, 2]).mean() }),
        ("backward", { Tensor.ones([2]).backward() }),
        ("Tensor: 3 scalars", { _ = Tensor([1, 2, 3], shape: [2, 2]) }),
    ]

    @Test("each wrong call names operation, values and remedy", arguments: wrongCalls.indices)
    func messages(_ index: Int) {
        let (prefix, call) = CheckedTests.wrongCalls[index]
        let error = #expect(throws: TensorError.self) { try checked { call() } }
        #expect(error?.message.hasPrefix(prefix) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("; ") == true)
    }
}
