import Needletail
import TensorRuntime
import Testing

/// Reads that the host has no memory for.
@Suite struct HostMemoryTests {
    @Test func aTensorThatCannotBeIsAnError() {
        expectError(.outOfMemory, containing: ";") { () throws(TensorError) in
            try Tensor.zeros([1 << 56]).scalars(as: Double.self)
        }
    }

    @Test func placesThatTheHostCannotHoldAreAnError() {
        var wide = Tensor.ones([1]).expand(1 << 50)
        wide[.range(0, nil, by: 2)] = Tensor(0 as Float)
        expectError(.outOfMemory, containing: "subscript") { () throws(TensorError) in try wide.evaluate() }
        expectError(.outOfMemory, containing: "linspace") { () throws(TensorError) in
            try Tensor.linspace(0, 1, count: 1 << 50, dtype: .int64).evaluate()
        }
        let error = #expect(throws: TensorError.self) { try checked { Generator(seed: 1).permutation(1 << 55) } }
        #expect(error?.kind == .outOfMemory)
    }

    @Test func elementsThatTheHostCannotHoldAreAnError() throws {
        let one = Tensor.ones([1])
        try one.evaluate()
        for count in [1 << 56, 1 << 48] {
            expectError(.outOfMemory, containing: "scalars", "\(count)") { () throws(TensorError) in
                try one.expand(count).scalars(as: Float.self)
            }
            expectError(.outOfMemory, containing: "bytes") { () throws(TensorError) in
                try one.expand(count).bytes()
            }
        }
    }
}
