import Foundation
import Needletail
import TensorRuntime

/// What kind of work an operation is: `needletail-bench op --family`.
package enum OperationFamily: String, CaseIterable, Sendable {
    case matmul, pointwise, reduction, row, layout, scan, sort, index, convolution, pooling, attention, layer
}

/// One operation on a published shape: its operands, and what its result must be.
final class OperationCase {
    /// Operands on the current device, and what is timed: it makes its results of them.
    struct Work {
        var operands: [Tensor]
        var run: ([Tensor]) -> [Tensor]
    }

    enum Reference {
        /// Single numbers of the first result, of the operands as the host reads them.
        case sampled(([[Float]], Int) -> Double)
        /// All of the first result.
        case whole(([[Float]]) -> [Double])
        /// The same work in Double, a kernel for each operation, by the plainest kernels of the CPU; all its results.
        case plain
    }

    let name: String
    let family: OperationFamily
    /// Floating-point operations, of products and convolutions.
    let operations: Double?
    let dtypes: [DType]
    /// Left out of `--quick`.
    let isLarge: Bool
    let make: (DType) -> Work
    let reference: Reference

    static let halves: [DType] = [.float32, .float16, .bfloat16]

    init(
        _ name: String, _ family: OperationFamily, operations: Double? = nil, dtypes: [DType] = halves,
        isLarge: Bool = false, reference: Reference, make: @escaping (DType) -> Work
    ) {
        self.name = name
        self.family = family
        self.operations = operations
        self.dtypes = dtypes
        self.isLarge = isLarge
        self.reference = reference
        self.make = make
    }

    /// An operation of one result on operands of normal numbers.
    convenience init(
        _ name: String, _ family: OperationFamily, operations: Double? = nil, _ shapes: [Shape],
        dtypes: [DType] = halves, isLarge: Bool = false, _ body: @escaping ([Tensor]) -> Tensor,
        expected: @escaping ([[Float]], Int) -> Double
    ) {
        self.init(
            name, family, operations: operations, dtypes: dtypes,
            isLarge: isLarge || shapes.contains { $0.elementCount >= 1 << 24 } || (operations ?? 0) > 3e9,
            reference: .sampled(expected)
        ) { dtype in
            Work(operands: shapes.map { Tensor.normal($0).to(dtype) }) { [body($0)] }
        }
    }

    /// The published list.
    static var all: [OperationCase] {
        let simple: [OperationCase] = products + pointwise + reductions + rows + layouts
        return simple + scans + sorts + indices + convolutions + poolings + attentions + layers
    }
}

extension OperationCase {
    /// What a case does on the current device, ready to be timed, and what it has to read and write at least.
    struct Prepared {
        let operands: [Tensor]
        let run: () -> [Tensor]
        let bytes: Double
        let check: ([Tensor]) throws -> (error: Double, problem: String?)
    }

    /// Where in a result its numbers are looked at.
    static func places(_ count: Int) -> [Int] { Array(stride(from: 0, to: count, by: max(1, count / 97))) }

    func prepare(_ dtype: DType) throws -> Prepared {
        manualSeed(0)
        let work = make(dtype)
        try evaluate(work.operands)
        let results = work.run(work.operands)
        let bytes = (work.operands + results).reduce(0) { $0 + Double($1.shape.elementCount * $1.dtype.byteCount) }
        return Prepared(
            operands: work.operands, run: { work.run(work.operands) }, bytes: bytes,
            check: { results in try self.check(results, work.operands, dtype) })
    }

    private func check(
        _ results: [Tensor], _ operands: [Tensor], _ dtype: DType
    ) throws -> (error: Double, problem: String?) {
        if case .plain = reference { return try checkPlainly(results, dtype) }
        let values = try results[0].scalars(as: Float.self)
        let host = try operands.map { try $0.scalars(as: Float.self) }
        let places = OperationCase.places(values.count)
        let expected: [Double]
        switch reference {
        case .sampled(let at): expected = places.map { at(host, $0) }
        case .whole(let all):
            let numbers = all(host)
            expected = places.map { numbers[$0] }
        case .plain: return (.nan, "no reference")
        }
        return judged(places.map { Double(values[$0]) }, expected, dtype)
    }

    private func checkPlainly(_ results: [Tensor], _ dtype: DType) throws -> (error: Double, problem: String?) {
        var configuration = RuntimeConfiguration()
        configuration.fusion = false
        configuration.options[backend: "cpu"] = ["instruction-set": "baseline", "blas": "none"]
        let expected = try withDevice(.cpu, configuration) {
            manualSeed(0)
            let work = make(.float64)
            return try work.run(work.operands).map { try $0.scalars(as: Double.self) }
        }
        guard expected.count == results.count else {
            return (.infinity, "\(results.count) results, not \(expected.count)")
        }
        // A gradient that is 0 but for what cancels has no size of its own: a thousandth of the largest is one.
        let largest = expected.map { RowGuard.size($0) }.max() ?? 0
        var worst = 0.0
        for (result, expected) in zip(results, expected) {
            let values = try result.scalars(as: Float.self)
            let places = OperationCase.places(values.count)
            let (error, problem) = judged(
                places.map { Double(values[$0]) }, places.map { expected[$0] }, dtype, least: largest / 1000)
            worst = max(worst, error)
            if let problem { return (worst, problem) }
        }
        return (worst, nil)
    }

    private func judged(
        _ values: [Double], _ expected: [Double], _ dtype: DType, least: Double = 0
    ) -> (error: Double, problem: String?) {
        let (error, problem) = RowGuard.error(values, expected: expected, dtype: dtype, least: least)
        return (error, problem.map { RowGuard.constant(values, expected: expected) ?? $0 })
    }
}
