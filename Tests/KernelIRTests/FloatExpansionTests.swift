import KernelIR
import TensorRuntime
import Testing

/// Products and sums rounded once and remainders, for languages that have no exact ones.
@Suite struct FloatExpansionTests {
    /// The last region after `result[i] = operation(inputs[i]...)` over all elements, the kernel as it is and expanded.
    private static func both<T: BitwiseCopyable>(
        _ element: DType, width: Int, _ inputs: [[T]], through scalar: ScalarType? = nil,
        _ operation: @escaping (KernelBuilder, [Value]) -> Value
    ) throws -> (expected: [T], got: [T]) {
        let kernel = KernelBuilder.build("k") { k in
            let operands = inputs.indices.map { k.buffer("x\($0)", element, .read) }
            let result = k.buffer("result", element, .write)
            let place = k.workgroupID(0) * width
            let values = operands.map { $0.load(place, width: width).convert(to: scalar ?? element.valueScalar) }
            result.store(operation(k, values).convert(to: element.valueScalar), at: place)
        }
        let expanded = try kernel.expandingFloats(hasInt64: true)
        #expect(expanded.buffers == kernel.buffers && expanded.arguments == kernel.arguments)
        expanded.forEachStatement { statement in
            guard case .define(let value, let operation) = statement else { return }
            switch operation {
            case .fusedMultiplyAdd: Issue.record("a product and sum is left")
            case .binary(.remainder, _, _): #expect(!expanded.types[value].scalar.isFloat)
            default: break
            }
        }
        let count = inputs[0].count
        let regions = inputs.map { Region($0) } + [Region([T](repeating: inputs[0][0], count: count))]
        func result(_ kernel: Kernel) throws -> [T] {
            Array(
                try run(kernel, for: nil, workgroups: count / width, regions).last!.elements(as: T.self).prefix(count))
        }
        return (try result(kernel), try result(expanded))
    }

    private static func expectSame<T: BinaryFloatingPoint>(
        _ results: (expected: [T], got: [T]), _ inputs: [[T]], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let wrong = results.expected.indices.filter { place in
            let (expected, got) = (results.expected[place], results.got[place])
            if expected.isNaN { return !got.isNaN }
            return expected != got || expected.sign != got.sign
        }
        #expect(
            wrong.isEmpty,
            """
            \(wrong.count) are wrong, the first of \(wrong.first.map { place in inputs.map { $0[place] } } ?? []): \
            \(wrong.first.map { results.got[$0] } ?? 0), not \(wrong.first.map { results.expected[$0] } ?? 0)
            """, sourceLocation: sourceLocation)
    }

    /// All pairs of numbers, a multiple of 4 of them.
    private static func pairs<T>(_ numbers: [T]) -> [[T]] {
        let all = numbers.flatMap { a in numbers.map { (a, $0) } }
        let count = all.count / 4 * 4
        return [all.prefix(count).map(\.0), all.prefix(count).map(\.1)]
    }

    private static func special<T: BinaryFloatingPoint>(_: T.Type) -> [T] {
        let positive: [T] = [
            0, 1, 0.1, 3, 5.5, 1000.25, T(1) / 3, .leastNonzeroMagnitude, 7 * .leastNonzeroMagnitude,
            .leastNormalMagnitude, .greatestFiniteMagnitude, .greatestFiniteMagnitude / 3, .infinity, .nan,
            T(1).nextUp, .pi, 1024,
        ]
        return positive + positive.map { -$0 } + [2, -2]
    }

    @Test(arguments: [1, 4]) func remaindersAreExact(_ width: Int) throws {
        let floats = Self.pairs(Self.special(Float.self))
        Self.expectSame(try Self.both(.float32, width: width, floats) { $1[0] % $1[1] }, floats)
        let doubles = Self.pairs(Self.special(Double.self))
        Self.expectSame(try Self.both(.float64, width: width, doubles) { $1[0] % $1[1] }, doubles)
        let halves = Self.pairs(Self.special(Float16.self))
        Self.expectSame(
            try Self.both(.float16, width: width, halves, through: .float16) { $1[0] % $1[1] }, halves)
    }

    @Test func remaindersOfFarApartNumbersAreExact() throws {
        var generator = SplitMix(state: 5)
        let numbers = (0..<4096).map { _ in
            Float(sign: .plus, exponent: Int(generator.next() % 240) - 120, significand: generator.unit())
        }
        let inputs = [numbers, numbers.reversed()]
        Self.expectSame(try Self.both(.float32, width: 4, inputs) { $1[0] % $1[1] }, inputs)
    }

    @Test(arguments: [1, 4]) func productsAndSumsAreRoundedOnce(_ width: Int) throws {
        var generator = SplitMix(state: 11)
        // Third numbers that cancel the product but for its last bits, and others.
        let a = (0..<4096).map { _ in generator.unit() * 8 - 12 }
        let b = (0..<4096).map { _ in generator.unit() * 8 - 12 }
        let c = zip(a, b).enumerated().map { place, factors in
            place % 4 == 0 ? generator.unit() : -(factors.0 * factors.1) * (place % 4 == 1 ? 1 : 1 + 0x1p-20)
        }
        let inputs = [a, b, c]
        Self.expectSame(
            try Self.both(.float32, width: width, inputs) { $0.fusedMultiplyAdd($1[0], $1[1], $1[2]) }, inputs)
        let doubles = [a.map { Double($0) * 1.1 }, b.map { Double($0) / 3 }, c.map { Double($0) / 7 }]
        Self.expectSame(
            try Self.both(.float64, width: width, doubles) { $0.fusedMultiplyAdd($1[0], $1[1], $1[2]) }, doubles)
    }

    /// Angles less a multiple of pi/2: what two roundings make wrong by millions of units.
    @Test func anglesAreReducedAsByOneRounding() throws {
        let n = (1...4096).map { Float($0 * 37) }
        let x = n.map { $0 * 1.5707964 }
        let inputs = [n, [Float](repeating: -1.5707964, count: n.count), x]
        let results = try Self.both(.float32, width: 4, inputs) { $0.fusedMultiplyAdd($1[0], $1[1], $1[2]) }
        Self.expectSame(results, inputs)
        #expect(results.got.contains { $0 != 0 })
    }

    /// But for products that leave the range, of which the documentation tells.
    @Test func signsOfZeroInfinitiesAndNaNAreThoseOfOneRounding() throws {
        let numbers: [Float] = [0, -0.0, 1, -1, 0.5, .infinity, -.infinity, .nan, 1e18, -1e18]
        let all = numbers.flatMap { a in numbers.flatMap { b in numbers.map { [a, b, $0] } } }
        let inputs = (0..<3).map { operand in all.map { $0[operand] } }
        Self.expectSame(
            try Self.both(.float32, width: 4, inputs) { $0.fusedMultiplyAdd($1[0], $1[1], $1[2]) }, inputs)
    }

    @Test func aKernelWithoutThemStaysAsItIs() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float32, .readWrite)
            x[k.workgroupID(0)] = k.multiplyAdd(x[k.workgroupID(0)], x[k.workgroupID(0)], x[k.workgroupID(0)])
        }
        #expect(try kernel.expandingFloats(hasInt64: false) == kernel)
    }

    @Test func aRemainderOfFloat64WithoutInt64IsRefused() {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float64, .readWrite)
            x[k.workgroupID(0)] = x[k.workgroupID(0)] % x[k.workgroupID(0)]
        }
        #expect(throws: KernelError.self) { try kernel.expandingFloats(hasInt64: false) }
    }
}

/// Numbers that are the same in each run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// In 1..<2.
    mutating func unit() -> Float { 1 + Float(next() >> 41) * 0x1p-23 }
}
