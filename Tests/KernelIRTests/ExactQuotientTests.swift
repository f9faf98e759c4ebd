import Foundation
import KernelIR
import TensorRuntime
import Testing

/// Quotients and square roots on a device whose own are as wrong as Vulkan allows, against the processor's.
@Suite struct ExactQuotientTests {
    /// How many random numbers are tried: some hundred thousand, or with the whole catalogue many millions.
    private static let count =
        ProcessInfo.processInfo.environment["NEEDLETAIL_WHOLE_CATALOGUE"] == "1" ? 40_000_000 : 400_000

    private static func special<T: BinaryFloatingPoint>(_: T.Type) -> [T] {
        let (tiny, least, largest) = (T.leastNonzeroMagnitude, T.leastNormalMagnitude, T.greatestFiniteMagnitude)
        let (one, third) = (T(1), T(1) / 3)
        var positive: [T] = [0, 1, 2, 3, 5, 7, 0.1, 1000.25, 4, 0.5, 0.25]
        positive += [third, 8 * third, T.pi, one.nextUp, one.nextDown, T(2).nextDown, 3 * one.nextUp]
        positive += [tiny, 2 * tiny, 3 * tiny, 1001 * tiny]
        positive += [least, least.nextUp, least.nextDown, least * 2, (least * 2).nextDown, least * 3, least / 2]
        positive += [largest, largest / 2, largest / 3, 1 / least, T.infinity, T.nan]
        return positive + positive.map { -$0 }
    }

    /// `result = operation(x, y)` on the loose interpreter, expanded.
    private static func loose<T: BitwiseCopyable>(
        _ element: DType, _ x: [T], _ y: [T], through scalar: ScalarType? = nil, expanded: Bool = true,
        hasInt64: Bool = true, _ operation: @escaping (Value, Value) -> Value
    ) throws -> [T] {
        let width = 4
        precondition(x.count % width == 0 && x.count == y.count)
        var kernel = KernelBuilder.build("k") { k in
            let first = k.buffer("x", element, .read)
            let second = k.buffer("y", element, .read)
            let result = k.buffer("result", element, .write)
            let place = k.workgroupID(0) * width
            let values = [first, second].map {
                $0.load(place, width: width).convert(to: scalar ?? element.valueScalar)
            }
            result.store(operation(values[0], values[1]).convert(to: element.valueScalar), at: place)
        }
        if expanded { kernel = kernel.expandingQuotients(hasInt64: hasInt64) }
        let interpreter = try KernelInterpreter(kernel, dividesExactly: false)
        var regions = [x, y, x]
        var memory: [UnsafeMutableRawBufferPointer] = []
        for number in regions.indices {
            let size = regions[number].count * MemoryLayout<T>.stride
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
            regions[number].withUnsafeMutableBytes { copy.copyMemory(from: UnsafeRawBufferPointer($0)) }
            memory.append(copy)
        }
        defer { for one in memory { one.deallocate() } }
        try interpreter.launch(
            workgroups: [x.count / width, 1, 1], buffers: memory.map { InterpreterBuffer(region: $0) })
        return Array(memory[2].bindMemory(to: T.self))
    }

    private static func expectSame<T: BinaryFloatingPoint>(
        _ got: [T], _ x: [T], _ y: [T], sourceLocation: SourceLocation = #_sourceLocation, _ right: (T, T) -> T
    ) {
        var wrong = 0
        for place in got.indices {
            let expected = right(x[place], y[place])
            if expected.isNaN ? got[place].isNaN : expected == got[place] && expected.sign == got[place].sign {
                continue
            }
            wrong += 1
            if wrong == 1 {
                Issue.record(
                    "of \(x[place]) and \(y[place]): \(got[place]), not \(expected)", sourceLocation: sourceLocation)
            }
        }
        #expect(wrong == 0, "of \(got.count)", sourceLocation: sourceLocation)
    }

    private static func pairs<T: BinaryFloatingPoint>(_: T.Type) -> (x: [T], y: [T]) {
        let numbers = special(T.self)
        var x = numbers.flatMap { number in numbers.map { _ in number } }
        var y = numbers.flatMap { _ in numbers }
        while x.count % 4 != 0 { (x, y) = (x + [1], y + [3]) }
        return (x, y)
    }

    /// Random numbers, in rounds that memory has room for.
    private static func forRounds(_ body: (inout SplitMix, Int) throws -> Void) rethrows {
        var generator = SplitMix(state: 3)
        for start in stride(from: 0, to: count, by: 400_000) { try body(&generator, min(400_000, count - start)) }
    }

    @Test func theInterpretersOwnAreWrong() throws {
        let (x, y) = Self.pairs(Float.self)
        let quotients = try Self.loose(.float32, x, y, expanded: false) { x, y in x / y }
        #expect(zip(quotients, zip(x, y)).contains { $0 != $1.0 / $1.1 && !$0.isNaN })
        #expect(zip(quotients, zip(x, y)).contains { $0.isNaN && ($1.0 / $1.1).isInfinite })
        let roots = try Self.loose(.float32, x, y, expanded: false) { x, _ in x.unary(.squareRoot) }
        #expect(zip(roots, x).contains { $0 != $1.squareRoot() && !$0.isNaN })
    }

    @Test func quotientsOfAllPairsOfSpecialNumbersAreExact() throws {
        let floats = Self.pairs(Float.self)
        Self.expectSame(try Self.loose(.float32, floats.x, floats.y) { $0 / $1 }, floats.x, floats.y, /)
        let doubles = Self.pairs(Double.self)
        Self.expectSame(try Self.loose(.float64, doubles.x, doubles.y) { $0 / $1 }, doubles.x, doubles.y, /)
        let halves = Self.pairs(Float16.self)
        Self.expectSame(
            try Self.loose(.float16, halves.x, halves.y, through: .float16) { $0 / $1 }, halves.x, halves.y, /)
    }

    @Test func quotientsOfRandomBitPatternsAreExact() throws {
        try Self.forRounds { generator, count in
            let x = (0..<count).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
            let y = (0..<count).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
            Self.expectSame(try Self.loose(.float32, x, y) { $0 / $1 }, x, y, /)
        }
    }

    /// Subnormal quotients, which have few digits, and those that are halves between two of them.
    @Test func quotientsNearTheEndsOfTheRangeAreExact() throws {
        try Self.forRounds { generator, count in
            var x: [Float] = []
            var y: [Float] = []
            for place in 0..<count {
                let bits = generator.next()
                let exponent = place % 3 == 0 ? Int(bits % 30) - 151 : Int(bits % 8) + 120
                let divisor = Float(sign: .plus, exponent: Int(bits >> 8 % 60) - 30, significand: generator.unit())
                // Products of few digits, so that quotients end.
                let isShort = place % 2 == 0
                let y0 = isShort ? Float(Int(bits >> 20 % 4095) + 1) : divisor
                let x0 = isShort ? y0 * Float(Int(bits >> 40 % 4095) + 1) : generator.unit() * divisor
                x.append(Float(sign: .plus, exponent: exponent, significand: x0) * (place % 5 == 0 ? -1 : 1))
                y.append(y0)
            }
            Self.expectSame(try Self.loose(.float32, x, y) { $0 / $1 }, x, y, /)
        }
    }

    @Test func quotientsOfFloat64AreExact() throws {
        var generator = SplitMix(state: 8)
        let x = (0..<100_000).map { _ in Double(bitPattern: generator.next()) }
        let y = (0..<100_000).map { _ in Double(bitPattern: generator.next()) }
        Self.expectSame(try Self.loose(.float64, x, y) { $0 / $1 }, x, y, /)
        let near = zip(x, y).map {
            Double(sign: .plus, exponent: -1070, significand: abs($0.significand)) * $1.significand
        }
        let small = y.map(\.significand)
        Self.expectSame(try Self.loose(.float64, near, small) { $0 / $1 }, near, small, /)
    }

    @Test func squareRootsAreExact() throws {
        let numbers = Self.pairs(Float.self).x
        Self.expectSame(try Self.loose(.float32, numbers, numbers) { x, _ in x.unary(.squareRoot) }, numbers, numbers) {
            x, _ in x.squareRoot()
        }
        try Self.forRounds { generator, count in
            let x = (0..<count).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()) & 0x7FFF_FFFF)
            }
            Self.expectSame(try Self.loose(.float32, x, x) { x, _ in x.unary(.squareRoot) }, x, x) { x, _ in
                x.squareRoot()
            }
            // Squares, and their neighbours.
            let squares = x.enumerated().map { place, x in
                let root = Float(Int(x.bitPattern % 4096))
                return [root * root, (root * root).nextUp, (root * root).nextDown.magnitude, x.ulp][place % 4]
            }
            Self.expectSame(try Self.loose(.float32, squares, x) { x, _ in x.unary(.squareRoot) }, squares, x) { x, _ in
                x.squareRoot()
            }
        }
        let wide = Self.pairs(Double.self).x
        Self.expectSame(try Self.loose(.float64, wide, wide) { x, _ in x.unary(.squareRoot) }, wide, wide) { x, _ in
            x.squareRoot()
        }
        var generator = SplitMix(state: 4)
        let doubles = (0..<100_000).map { _ in Double(bitPattern: generator.next() >> 1) }
        Self.expectSame(try Self.loose(.float64, doubles, doubles) { x, _ in x.unary(.squareRoot) }, doubles, doubles) {
            x, _ in x.squareRoot()
        }
    }

    @Test func divisorsThatArePowersOfTwoAreFactors() throws {
        for divisor in [2, 0.125, -4, 0x1p-126] as [Double] {
            let kernel = KernelBuilder.build("k") { k in
                let x = k.buffer("x", .float32, .readWrite)
                x[k.workgroupID(0)] = x[k.workgroupID(0)] / divisor
            }
            let expanded = kernel.expandingQuotients(hasInt64: false)
            // Beside the divisor stands its reciprocal.
            #expect(Self.quotients(in: expanded) == 0)
            #expect(Self.statements(in: expanded) <= Self.statements(in: kernel) + 2)
            let x = Self.pairs(Float.self).x
            Self.expectSame(try Self.loose(.float32, x, x) { x, _ in x / divisor }, x, x) { x, _ in x / Float(divisor) }
        }
        // Their reciprocals are no floats, or are not exact.
        for divisor in [3, 0x1p127, 0x1p-149] as [Double] {
            let x = Self.pairs(Float.self).x
            Self.expectSame(try Self.loose(.float32, x, x) { x, _ in x / divisor }, x, x) { x, _ in x / Float(divisor) }
        }
    }

    @Test func whatDividesNothingStaysAsItIs() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float32, .readWrite)
            let n = k.buffer("n", .int32, .readWrite)
            x[k.workgroupID(0)] = x[k.workgroupID(0)] * 3
            n[k.workgroupID(0)] = n[k.workgroupID(0)] / 3
        }
        #expect(kernel.expandingQuotients(hasInt64: false) == kernel)
    }

    /// Beside those of float32, which are.
    @Test func quotientsOfFloat64StayWhereThereIsNoInt64() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .float64, .readWrite)
            let y = k.buffer("y", .float32, .readWrite)
            x[k.workgroupID(0)] = x[k.workgroupID(0)] / 3
            y[k.workgroupID(0)] = y[k.workgroupID(0)] / 3
        }
        let expanded = kernel.expandingQuotients(hasInt64: false)
        // One of float64, and the estimate.
        #expect(Self.quotients(in: expanded) == 2)
        #expect(!expanded.requirements.features.contains(.int64))
    }

    private static func quotients(in kernel: Kernel) -> Int {
        var count = 0
        kernel.forEachStatement { if case .define(_, .binary(.divide, _, _)) = $0 { count += 1 } }
        return count
    }

    private static func statements(in kernel: Kernel) -> Int {
        var count = 0
        kernel.forEachStatement { _ in count += 1 }
        return count
    }
}
