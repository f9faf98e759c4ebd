import Foundation
import KernelIR
import TensorRuntime
import Testing

/// Every operation on every type against Swift's own arithmetic, in vectors of 8.
@Suite struct OperationTests {
    private static let ints: [Int32] = [0, 1, -1, 7, -13, .max, .min, 1 << 20]
    private static let longs: [Int64] = [0, 1, -1, 7, -13, .max, .min, 1 << 40]
    private static let floats: [Float] = [0, -0.0, 1.5, -2.5, 3e38, .leastNonzeroMagnitude, .infinity, .nan]
    private static let doubles: [Double] = [0, -0.0, 1.5, -2.5, 1e308, .leastNonzeroMagnitude, .infinity, .nan]

    /// Lane by lane over all pairs of 8 numbers.
    private func apply<T: BitwiseCopyable, R: BitwiseCopyable>(
        _ values: [T], _ element: DType, to result: DType, _: R.Type,
        _ operation: (KernelBuilder, Value, Value) -> Value
    ) throws -> [(T, T, R)] {
        let kernel = KernelBuilder.build("k", workgroupSize: [8, 1, 1]) { k in
            let x = k.buffer("x", element, .read)
            let y = k.buffer("y", result, .write)
            let a = x.load(k.int(0), width: 8)
            let b = x[k.localID(0)].broadcast(to: a.type)
            y.store(operation(k, a, b), at: k.localID(0) * 8)
        }
        try kernel.validate()
        var values = values
        var results = [R](unsafeUninitializedCapacity: 64) { _, count in count = 64 }
        let interpreter = try KernelInterpreter(kernel)
        try values.withUnsafeMutableBytes { x in
            try results.withUnsafeMutableBytes { y in
                try interpreter.launch(workgroups: [1, 1, 1], buffers: [.init(region: x), .init(region: y)])
            }
        }
        return (0..<64).map { (values[$0 % 8], values[$0 / 8], results[$0]) }
    }

    private func expectIntegers<T: FixedWidthInteger & BitwiseCopyable>(
        _ values: [T], _ element: DType, _ operation: BinaryOperation, _ expected: (T, T) -> T
    ) throws {
        for (a, b, result) in try apply(values, element, to: element, T.self, { _, x, y in x.binary(operation, y) }) {
            #expect(result == expected(a, b), "\(operation) of \(a) and \(b)")
        }
    }

    private func expectFloats<T: BinaryFloatingPoint & BitwiseCopyable>(
        _ values: [T], _ element: DType, _ what: String, _ operation: (KernelBuilder, Value, Value) -> Value,
        _ expected: (T, T) -> T
    ) throws {
        for (a, b, result) in try apply(values, element, to: element, T.self, operation) {
            let wanted = expected(a, b)
            let isEqual = result == wanted && result.sign == wanted.sign || result.isNaN && wanted.isNaN
            #expect(isEqual, "\(what) of \(a) and \(b) is \(result), not \(wanted)")
        }
    }

    private func expectIntegers<T: FixedWidthInteger & BitwiseCopyable>(_ values: [T], _ element: DType) throws {
        try expectIntegers(values, element, .add) { $0 &+ $1 }
        try expectIntegers(values, element, .subtract) { $0 &- $1 }
        try expectIntegers(values, element, .multiply) { $0 &* $1 }
        try expectIntegers(values, element, .minimum) { min($0, $1) }
        try expectIntegers(values, element, .maximum) { max($0, $1) }
        try expectIntegers(values, element, .and) { $0 & $1 }
        try expectIntegers(values, element, .or) { $0 | $1 }
        try expectIntegers(values, element, .xor) { $0 ^ $1 }
        let small: [T] = [1, 2, -3, 5, 31, 12, .max, -7]
        try expectIntegers(small, element, .divide) { $0 / $1 }
        try expectIntegers(small, element, .remainder) { $0 % $1 }
        let shifts: [T] = [0, 1, 2, 5, 17, 30, 31, 8]
        try expectIntegers(shifts, element, .shiftLeft) { $0 << $1 }
        for (a, b, result) in try apply(
            shifts, element, to: element, T.self, { _, x, y in (-x).binary(.shiftRight, y) })
        {
            #expect(result == (0 &- a) >> b)
        }
    }

    @Test func integersWrap() throws {
        try expectIntegers(Self.ints, .int32)
        try expectIntegers(Self.longs, .int64)
        for (a, _, result) in try apply(Self.ints, .int32, to: .int32, Int32.self, { _, x, _ in -x }) {
            #expect(result == 0 &- a)
        }
        for (a, _, result) in try apply(Self.ints, .int32, to: .int32, Int32.self, { _, x, _ in !x }) {
            #expect(result == ~a)
        }
        for (a, _, result) in try apply(Self.ints, .int32, to: .int32, Int32.self, { _, x, _ in x.unary(.absolute) }) {
            #expect(result == (a < 0 ? 0 &- a : a))
        }
    }

    @Test func unsignedIntegersAreUnsigned() throws {
        func expect(_ what: String, _ operation: (Value, Value) -> Value, _ expected: (UInt32, UInt32) -> UInt32) throws
        {
            let results = try apply(Self.ints, .int32, to: .int32, Int32.self) { _, x, y in
                operation(x.bitcast(to: .uint32), y.bitcast(to: .uint32)).bitcast(to: .int32)
            }
            for (a, b, result) in results {
                let (a, b) = (UInt32(bitPattern: a), UInt32(bitPattern: b))
                #expect(UInt32(bitPattern: result) == expected(a, b), "\(what) of \(a) and \(b)")
            }
        }
        try expect("add", { $0 + $1 }, { $0 &+ $1 })
        try expect("multiply", { $0 * $1 }, { $0 &* $1 })
        try expect("multiplyHigh", { $0.binary(.multiplyHigh, $1) }, { $0.multipliedFullWidth(by: $1).high })
        try expect("divide", { $0 / ($1 | 1) }, { $0 / ($1 | 1) })
        try expect("shiftRight", { $0.binary(.shiftRight, $1 & 31) }, { $0 >> ($1 & 31) })
        try expect("minimum", { $0.binary(.minimum, $1) }, { min($0, $1) })
        try expect("negate", { a, _ in -a }, { a, _ in 0 &- a })
    }

    private func expectFloats<T: BinaryFloatingPoint & BitwiseCopyable>(_ values: [T], _ element: DType) throws {
        try expectFloats(values, element, "add", { $1 + $2 }, { $0 + $1 })
        try expectFloats(values, element, "subtract", { $1 - $2 }, { $0 - $1 })
        try expectFloats(values, element, "multiply", { $1 * $2 }, { $0 * $1 })
        try expectFloats(values, element, "divide", { $1 / $2 }, { $0 / $1 })
        try expectFloats(values, element, "remainder", { $1 % $2 }, { $0.truncatingRemainder(dividingBy: $1) })
        try expectFloats(values, element, "multiplyAdd", { $0.multiplyAdd($1, $2, $1) }, { $0.addingProduct($0, $1) })
        try expectFloats(values, element, "fused", { $0.fusedMultiplyAdd($1, $2, $1) }, { $0.addingProduct($0, $1) })
        try expectFloats(values, element, "negate", { _, a, _ in -a }, { a, _ in -a })
        try expectFloats(values, element, "absolute", { $1.unary(.absolute) * $2 }, { abs($0) * $1 })
        try expectFloats(values, element, "squareRoot", { $1.unary(.squareRoot) + $2 }, { $0.squareRoot() + $1 })
        try expectFloats(values, element, "floor", { $1.unary(.floor) + $2 }, { $0.rounded(.down) + $1 })
        try expectFloats(values, element, "ceil", { $1.unary(.ceil) + $2 }, { $0.rounded(.up) + $1 })
        try expectFloats(
            values, element, "roundEven", { $1.unary(.roundEven) + $2 }, { $0.rounded(.toNearestOrEven) + $1 })
        try expectFloats(values, element, "truncate", { $1.unary(.truncate) + $2 }, { $0.rounded(.towardZero) + $1 })
        try expectFloats(values, element, "select", { $0.select($1 < $2, $1, $2) }, { $0 < $1 ? $0 : $1 })
    }

    @Test func floatsAreIEEE() throws {
        try expectFloats(Self.floats, .float32)
        try expectFloats(Self.doubles, .float64)
        try expectFloats([2.5, 3.5, -0.5, 0.1, -1e10, 7, 1e-3, 2] as [Float], .float32)
    }

    @Test func transcendentalsAreThoseOfTheLibrary() throws {
        let values = [0, 0.25, 1, -0.75, 2, 10, -3, .nan]
        let functions: [(UnaryOperation, (Double) -> Double)] = [
            (.exp, { exp($0) }), (.exp2, { exp2($0) }), (.expm1, { expm1($0) }), (.log, { log($0) }),
            (.log2, { log2($0) }), (.log10, { log10($0) }), (.log1p, { log1p($0) }), (.sin, { sin($0) }),
            (.cos, { cos($0) }), (.tan, { tan($0) }), (.asin, { asin($0) }), (.acos, { acos($0) }),
            (.atan, { atan($0) }), (.sinh, { sinh($0) }), (.cosh, { cosh($0) }), (.tanh, { tanh($0) }),
            (.erf, { erf($0) }), (.erfc, { erfc($0) }), (.lgamma, { lgamma($0).0 }),
        ]
        #expect(functions.map(\.0) == UnaryOperation.allCases.filter(\.isTranscendental))
        for (operation, function) in functions {
            try expectFloats(
                values, .float64, "\(operation)", { $1.unary(operation) + $2 }, { a, b in function(a) + b })
            try expectFloats(
                values.map(Float.init), .float32, "\(operation)", { $1.unary(operation) + $2 },
                { a, b in Float(function(Double(a))) + b })
        }
        try expectFloats(values, .float64, "power", { $1.binary(.power, $2) }, { pow($0, $1) })
    }

    @Test func halfArithmeticRoundsEachTime() throws {
        let values: [Float16] = [0.1, 1, 3, 2050, 0.333, -7, 60000, 1e-3]
        func half(_ operation: @escaping (Value, Value) -> Value) -> (KernelBuilder, Value, Value) -> Value {
            { operation($1.convert(to: .float16), $2.convert(to: .float16)).convert(to: .float32) }
        }
        try expectFloats(values, .float16, "add", half { $0 + $1 }, { $0 + $1 })
        try expectFloats(values, .float16, "product and sum", half { $0 * $1 + $0 }, { $0 * $1 + $0 })
        try expectFloats(values, .float16, "divide", half { $0 / $1 }, { $0 / $1 })
    }

    @Test func comparisonsKnowNaN() throws {
        let comparisons: [(BinaryOperation, (Float, Float) -> Bool, (Int32, Int32) -> Bool)] = [
            (.equal, { $0 == $1 }, { $0 == $1 }), (.notEqual, { $0 != $1 }, { $0 != $1 }),
            (.less, { $0 < $1 }, { $0 < $1 }),
            (.lessEqual, { $0 <= $1 }, { $0 <= $1 }), (.greater, { $0 > $1 }, { $0 > $1 }),
            (.greaterEqual, { $0 >= $1 }, { $0 >= $1 }),
        ]
        for (operation, float, integer) in comparisons {
            for (a, b, result) in try apply(
                Self.floats, .float32, to: .bool, Bool.self, { _, x, y in x.binary(operation, y) })
            {
                #expect(result == float(a, b), "\(a) \(operation) \(b)")
            }
            for (a, b, result) in try apply(
                Self.ints, .int32, to: .bool, Bool.self, { _, x, y in x.binary(operation, y) })
            {
                #expect(result == integer(a, b), "\(a) \(operation) \(b)")
            }
        }
    }

    @Test func boolsAreLogical() throws {
        let bools = [true, false, true, true, false, false, true, false]
        let operations: [(BinaryOperation, (Bool, Bool) -> Bool)] = [
            (.and, { $0 && $1 }), (.or, { $0 || $1 }), (.xor, { $0 != $1 }), (.equal, { $0 == $1 }),
            (.notEqual, { $0 != $1 }),
        ]
        for (operation, expected) in operations {
            for (a, b, result) in try apply(bools, .bool, to: .bool, Bool.self, { _, x, y in x.binary(operation, y) }) {
                #expect(result == expected(a, b))
            }
        }
        for (a, b, result) in try apply(bools, .bool, to: .bool, Bool.self, { _, x, y in !x & y }) {
            #expect(result == (!a && b))
        }
    }

    @Test func numbersConvert() throws {
        func results<T: BitwiseCopyable, R: BitwiseCopyable>(_ values: [T], _ from: DType, _ to: DType, _: R.Type)
            throws -> [R]
        {
            try apply(values, from, to: to, R.self) { _, x, _ in x.convert(to: to.valueScalar) }[0..<8].map(\.2)
        }
        let numbers: [Float] = [0, 1.9, -1.9, 2e9, -2e9, 0.5, -0.0, 100]
        #expect(try results(numbers, .float32, .int32, Int32.self) == numbers.map { Int32($0) })
        #expect(try results(numbers, .float32, .int64, Int64.self) == numbers.map { Int64($0) })
        #expect(try results(numbers, .float32, .float64, Double.self) == numbers.map { Double($0) })
        #expect(try results(numbers, .float32, .bool, Bool.self) == numbers.map { $0 != 0 })
        #expect(try results(Self.ints, .int32, .float32, Float.self) == Self.ints.map { Float($0) })
        #expect(try results(Self.ints, .int32, .int64, Int64.self) == Self.ints.map { Int64($0) })
        #expect(try results(Self.longs, .int64, .int32, Int32.self) == Self.longs.map { Int32(truncatingIfNeeded: $0) })
        #expect(try results(Self.longs, .int64, .float32, Float.self) == Self.longs.map { Float($0) })
        #expect(try results(Self.longs, .int64, .float64, Double.self) == Self.longs.map { Double($0) })
        #expect(
            try results([0.1, 1e308, -3, 5, 6, 7, 8, 9.5], .float64, .float32, Float.self) == [
                0.1, .infinity, -3, 5, 6, 7, 8, 9.5,
            ])
        let bools = [true, false, true, true, false, false, true, false]
        #expect(try results(bools, .bool, .int32, Int32.self) == bools.map { $0 ? 1 : 0 })
        #expect(try results(bools, .bool, .float32, Float.self) == bools.map { $0 ? 1 : 0 })
        let unsigned = try apply(Self.ints, .int32, to: .float32, Float.self) { _, x, _ in
            x.convert(to: .uint32).convert(to: .float32)
        }
        #expect(unsigned[0..<8].map(\.2) == Self.ints.map { Float(UInt32(bitPattern: $0)) })
    }

    @Test func bitsAndLanesMove() throws {
        for (a, _, result) in try apply(
            Self.floats, .float32, to: .int32, Int32.self, { _, x, _ in x.bitcast(to: .int32) })
        {
            #expect(result == Int32(bitPattern: a.bitPattern))
        }
        for (a, _, result) in try apply(
            Self.doubles, .float64, to: .int64, Int64.self, { _, x, _ in x.bitcast(to: .int64) })
        {
            #expect(result == Int64(bitPattern: a.bitPattern))
        }
        let reversed = try apply(Self.ints, .int32, to: .int32, Int32.self) { k, x, _ in k.construct(x.lanes.reversed())
        }
        #expect(reversed[0..<8].map(\.2) == Self.ints.reversed())
        for (_, b, result) in try apply(Self.longs, .int64, to: .int64, Int64.self, { _, _, y in y }) {
            #expect(result == b)
        }
    }

    @Test func argumentsHaveTheirOwnBits() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float64, .write)
            let values = [
                k.argument("a", .int32), k.argument("b", .int64), k.argument("c", .float32), k.argument("d", .float64),
                k.argument("e", .bool), k.argument("f", .uint32), k.argument("g", .float16),
            ]
            for (index, value) in values.enumerated() { x[k.int(index)] = value.convert(to: .float64) }
        }
        let bits: [UInt64] = [
            UInt64(bitPattern: -3), UInt64(bitPattern: -1 << 40), UInt64(Float(0.1).bitPattern), (0.1).bitPattern, 1,
            UInt64(UInt32.max), UInt64(Float16(0.1).bitPattern),
        ]
        let expected = [-3, -0x1p40, Double(Float(0.1)), 0.1, 1, Double(UInt32.max), Double(Float16(0.1))]
        #expect(try run(kernel, arguments: bits, [[Double](repeating: 0, count: 7)])[0] == expected)
    }
}
