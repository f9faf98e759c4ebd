import Needletail
import TensorRuntime
import Testing

/// Rules at the edges, with PyTorch 2.15's results.
@Suite struct PyTorchRuleTests {
    @Test func aTensorOfRank0DoesNotRaiseADTypeWithinItsKind() throws {
        let half = Tensor.ones([3], dtype: .float16)
        let int = Tensor.ones([3], dtype: .int32)
        #expect((half * Tensor(2.0 as Float)).dtype == .float16)
        #expect((Tensor(2.0 as Float) + half).dtype == .float16)
        #expect((int + Tensor(1)).dtype == .int32)
        #expect((Tensor.ones([2]) * Tensor(2.0, dtype: .float64)).dtype == .float32)
        #expect(Tensor.where(half .> 0, half, Tensor(0.5 as Float)).dtype == .float16)
        // Between kinds, and between tensors of rank 0, the wider dtype counts.
        #expect((int * Tensor(2.0, dtype: .float64)).dtype == .float64)
        #expect((Tensor(1, dtype: .int32) + Tensor(1)).dtype == .int64)
        #expect(try (int + Tensor(1)).scalars(as: Int32.self) == [2, 2, 2])
    }

    @Test func integerPowersOfIntegersAreIntegers() throws {
        let x = Tensor([2, 3, -2] as [Int])
        #expect(try x.pow(4).scalars(as: Int64.self) == [16, 81, 16])
        #expect(try x.pow(3).scalars(as: Int64.self) == [8, 27, -8])
        #expect(try x.pow(0).scalars(as: Int64.self) == [1, 1, 1])
        #expect(x.pow(2.0).dtype == .float32)
        #expect(x.pow(0.5).dtype == .float32)
        #expect(try Tensor([3, 16] as [UInt8]).pow(2).scalars(as: UInt8.self) == [9, 0])
        #expect(try Tensor([true, false]).pow(2).scalars(as: Int64.self) == [1, 0])
        #expect(throws: TensorError.self) { try checked { x.pow(-1) } }
        #expect(try Tensor([2.0, 4.0] as [Float]).pow(-1).scalars(as: Float.self) == [0.5, 0.25])
    }

    @Test func placesFromTheEnd() throws {
        let x = Tensor.arange(5)
        #expect(try x[-3...(-1)].scalars(as: Int64.self) == [2, 3, 4])
        #expect(try x[...(-1)].scalars(as: Int64.self) == [0, 1, 2, 3, 4])
        #expect(try x[...(-2)].scalars(as: Int64.self) == [0, 1, 2, 3])
        #expect(try x[Tensor([-1, 0, -5] as [Int])].scalars(as: Int64.self) == [4, 0, 0])
        // An axis goes for each number, so that a new one has room.
        let full = Tensor.zeros(Shape(repeating: 1, rank: 8))
        #expect(full[.newAxis, 0].shape == Shape(repeating: 1, rank: 8))
        let y = Tensor([[1, 2], [3, 4]] as [[Float]])
        #expect(try y[.all, Tensor([-1] as [Int])].scalars(as: Float.self) == [2, 4])
    }

    @Test func gradientsWhereASlopeHasNoValue() throws {
        func gradient(_ x: [Float], _ body: (Tensor) -> Tensor) throws -> [Float] {
            let parameter = Parameter(Tensor(x))
            body(parameter.value).backward()
            return try #require(parameter.grad).scalars(as: Float.self)
        }
        #expect(try gradient([0, 0]) { $0.norm() } == [0, 0])
        #expect(try gradient([3, 4]) { $0.norm() } == [0.6, 0.8])
        #expect(try gradient([2, 2, 2]) { $0.std() } == [0, 0, 0])
        #expect(try gradient([.nan, -1, 2, 0]) { $0.relu().sum() } == [1, 0, 1, 0])
        #expect(try gradient([.nan, 1]) { $0.max() } == [1, 0])
        #expect(try gradient([.nan, 1, .nan]) { $0.min() } == [0.5, 0, 0.5])
    }

    @Test func wholeNumbersFarApartPrintWithExponents() {
        #expect(Tensor([1, 10_000] as [Float]).description.contains("[1.0000e+00, 1.0000e+04]"))
        #expect(Tensor([1, 1000] as [Float]).description.contains("1000."))
    }
}

/// Calls that no value can make right are errors that `checked` throws; none of them may end the process.
@Suite struct HostileCallTests {
    struct Call: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let make: @Sendable (Tensor) -> Tensor

        init(_ name: String, _ make: @escaping @Sendable (Tensor) -> Tensor) {
            testDescription = name
            self.make = make
        }
    }

    private static let calls: [Call] = [
        Call("reshape to rank 9") { $0.reshape(1, 1, 1, 1, 1, 1, 1, 2, 3) },
        Call("reshape that overflows") { $0.reshape(.max, 2) },
        Call("reshape to extents below 0") { $0.reshape([-1, -1]) },
        Call("expand to rank 9") { $0.expand(1, 1, 1, 1, 1, 1, 1, 2, 3) },
        Call("expand that overflows") { $0.unsqueeze(0).expand([.max, 2, 3]) },
        Call("operands that broadcast to too much") {
            let long = Tensor.zeros([1 << 31, 1])
            return $0.sum() + long + long.T
        },
        Call("uniform of extents below 0") { _ in Tensor.uniform([-8]) },
        Call("normal of extents below 0") { _ in Tensor.normal([-8]) },
        Call("bernoulli of extents below 0") { _ in Tensor.bernoulli([2, -1], probability: 0.5) },
        Call("zeros that overflow") { _ in Tensor.zeros([.max, .max]) },
        Call("arange to NaN") { _ in Tensor.arange(Double.nan) },
        Call("arange to infinity") { _ in Tensor.arange(Double.infinity) },
        Call("arange from NaN") { _ in Tensor.arange(Double.nan, 3) },
        Call("NaN around integers") { $0.to(.int32).pad([(1, 1)], value: .nan) },
        Call("300 around bytes") { $0.to(.uint8).pad([(1, 1)], value: 300) },
        Call("300 in bytes") { Tensor.fullLike($0.to(.uint8), 300) },
        Call("narrow that overflows") { $0.narrow(axis: 0, start: .max, count: 1) },
        Call("more new axes than a shape has") {
            $0[.newAxis, .newAxis, .newAxis, .newAxis, .newAxis, .newAxis, .newAxis]
        },
        Call("labelSmoothing of 2") { crossEntropy($0, Tensor([0, 1]), labelSmoothing: 2) },
        Call("ignoredIndex of probabilities") { crossEntropy($0, $0, ignoredIndex: 1) },
        Call("scalars of another count") { _ in Tensor([1, 2] as [Float], shape: [.max, 4]) },
    ]

    @Test(arguments: calls) func aHostileCallIsThrown(_ call: Call) throws {
        let x = Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]])
        do {
            _ = try checked { call.make(x) }
            Issue.record("no error was thrown")
        } catch let error as TensorError {
            #expect(error.kind == .invalidArgument, "\(error)")
            #expect(error.message.contains(";"), "no remedy: \(error)")
        }
        // The process goes on.
        #expect(try (x + 1).scalars(as: Float.self)[0] == 2)
    }
}

/// Traces begun in other tasks, and generators of child tasks.
@Suite struct TaskTests {
    @Test func aStepEvaluatesWhatAnotherTaskTraced() async throws {
        let parameter = Parameter(Tensor([1, 2] as [Float]))
        let optimizer = SGD([parameter], learningRate: 1)
        let loss = await Task.detached { () -> Tensor in
            let loss = (parameter.value * 3).sum()
            loss.backward()
            return loss
        }.value
        try optimizer.step()
        #expect(try parameter.value.planDump() == "evaluated")
        #expect(try loss.planDump() == "evaluated")
        #expect(try parameter.value.scalars(as: Float.self) == [-2, -1])
    }

    @Test func childrenDrawNumbersOfTheirOwnWhicheverRunsFirst() async throws {
        func draw(_ order: [Int]) async throws -> [[Float]] {
            let parent = Generator(seed: 5)
            var results = [[Float]](repeating: [], count: order.count)
            for index in order {
                let child = parent.child(index)
                results[index] = try await Task {
                    try withGenerator(child) { try Tensor.uniform([4]).scalars(as: Float.self) }
                }.value
            }
            return results
        }
        let forward = try await draw([0, 1, 2])
        #expect(try await draw([2, 0, 1]) == forward)
        #expect(Set(forward).count == 3)
    }
}
