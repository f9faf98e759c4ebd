import Foundation
import Needletail
import TensorRuntime

/// What kind of work an operation is: `needletail-bench op --family`.
package enum OperationFamily: String, CaseIterable, Sendable {
    case matmul, pointwise, reduction, row, layout, scan, sort, index, convolution, pooling, attention, layer

    /// How many of the products that are counted stand for one that a right algorithm does: Winograd's convolutions of 3x3 do a quarter.
    package var saving: Double { self == .convolution ? 4 : 1 }
}

/// One operation on a published shape: its operands, and what its result must be.
package final class OperationCase {
    /// Operands on the current device, and what is timed: it makes its results of them.
    package struct Work {
        package var operands: [Tensor]
        /// Bytes that have to be read, where they are not those of all operands.
        package var read: Double?
        package var run: ([Tensor]) -> [Tensor]

        package init(operands: [Tensor], read: Double? = nil, run: @escaping ([Tensor]) -> [Tensor]) {
            self.operands = operands
            self.read = read
            self.run = run
        }
    }

    package enum Reference {
        /// Single numbers of the first result, of the operands as the host reads them.
        case sampled(([[Float]], Int) -> Double)
        /// All of the first result.
        case whole(([[Float]]) -> [Double])
        /// All of the first result; the second says where in its row of so many numbers of the first operand each was.
        case sorted(columns: Int, ([[Float]]) -> [Double])
        /// The same work in Double, a kernel for each operation, by the plainest kernels of the CPU; all its results.
        case plain
    }

    package let name: String
    package let family: OperationFamily
    /// Floating-point operations, of products and convolutions.
    package let operations: Double?
    package let dtypes: [DType]
    /// Left out of `--quick`.
    package let isLarge: Bool
    let make: (DType) -> Work
    let reference: Reference

    package static let halves: [DType] = [.float32, .float16, .bfloat16]

    package init(
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

    /// An operation of one result on operands of normal numbers, of which `unread` is there for its shape alone.
    convenience init(
        _ name: String, _ family: OperationFamily, operations: Double? = nil, _ shapes: [Shape],
        dtypes: [DType] = halves, unread: Int? = nil, isLarge: Bool = false, _ body: @escaping ([Tensor]) -> Tensor,
        expected: @escaping ([[Float]], Int) -> Double
    ) {
        self.init(
            name, family, operations: operations, dtypes: dtypes,
            isLarge: isLarge || shapes.contains { $0.elementCount >= 1 << 24 } || (operations ?? 0) > 3e9,
            reference: .sampled(expected)
        ) { dtype in
            let counts = shapes.indices.filter { $0 != unread }.map { shapes[$0].elementCount }
            return Work(
                operands: shapes.map { Tensor.normal($0).to(dtype) },
                read: Double(counts.reduce(0, +) * dtype.byteCount)
            ) { [body($0)] }
        }
    }

    /// The published list.
    package static var all: [OperationCase] {
        let simple: [OperationCase] = products + pointwise + reductions + rows + layouts
        return simple + scans + sorts + indices + convolutions + poolings + attentions + layers
    }
}

extension OperationCase {
    /// What a case does on the current device, ready to be timed, and what it has to read and write at least.
    package struct Prepared {
        package let operands: [Tensor]
        package let run: () -> [Tensor]
        package let bytes: Double
        package let check: ([Tensor]) throws -> (error: Double, problem: String?)
    }

    /// Where in a result of so many numbers they are looked at: the last of them, and steps that have no factor in common with the extents,
    /// so that no lane of a short axis is left out.
    package static func places(_ count: Int) -> [Int] {
        guard count > 0 else { return [] }
        func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
        var step = max(1, count / 97)
        while divisor(count, step) > 1 { step += 1 }
        let places = Array(stride(from: 0, to: count, by: step))
        return places.last == count - 1 ? places : places + [count - 1]
    }

    package func prepare(_ dtype: DType) throws -> Prepared {
        manualSeed(0)
        let work = make(dtype)
        try evaluate(work.operands)
        let results = work.run(work.operands)
        func bytes(_ tensors: [Tensor]) -> Double {
            tensors.reduce(0) { $0 + Double($1.shape.elementCount * $1.dtype.byteCount) }
        }
        return Prepared(
            operands: work.operands, run: { work.run(work.operands) },
            bytes: (work.read ?? bytes(work.operands)) + bytes(results),
            check: { results in try self.check(results, work.operands, dtype) })
    }

    private func check(
        _ results: [Tensor], _ operands: [Tensor], _ dtype: DType
    ) throws -> (error: Double, problem: String?) {
        if case .plain = reference { return try checkPlainly(results, dtype) }
        let values = try results[0].scalars(as: Float.self)
        let host = try operands.map { try $0.scalars(as: Float.self) }
        let places = OperationCase.places(values.count)
        let looked = places.map { Double(values[$0]) }
        switch reference {
        case .sampled(let at): return judged(looked, places.map { at(host, $0) }, dtype)
        case .whole(let all), .sorted(_, let all):
            let numbers = all(host)
            guard numbers.count == values.count else {
                return (.infinity, "\(values.count) numbers came, not \(numbers.count)")
            }
            let (error, problem) = judged(looked, places.map { numbers[$0] }, dtype)
            return (error, try problem ?? indexProblem(results, values, host))
        case .plain: return (.nan, "no reference")
        }
    }

    private func indexProblem(_ results: [Tensor], _ values: [Float], _ host: [[Float]]) throws -> String? {
        guard case .sorted(let columns, _) = reference else { return nil }
        guard results.count == 2 else { return "\(results.count) results, not values and indices" }
        let indices = try results[1].scalars(as: Int64.self).map { Int($0) }
        return RowGuard.indices(indices, values: values, of: host[0], columns: columns)
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
            guard values.count == expected.count else {
                return (.infinity, "\(values.count) numbers came, not \(expected.count)")
            }
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
