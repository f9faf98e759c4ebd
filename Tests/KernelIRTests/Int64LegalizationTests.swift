import KernelIR
import Testing

/// int64 as two words: each operation on edge values, in scalars and vectors.
@Suite struct Int64LegalizationTests {
    private static let edges: [Int64] = [
        0, 1, -1, 2, -2, 7, -13, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x1_0000_0001, -0x8000_0000,
        -0x8000_0001, -0x1_0000_0000, -0xFFFF_FFFF, .max, .min, .max - 1, .min + 1, 0x1234_5678_9ABC_DEF0,
        -0x0123_4567_89AB_CDEF, 1 << 62, 1_000_000_007,
    ]

    /// Every pair of edge values, and room for a result each.
    private static let pairs: [Region] = {
        let a = edges.flatMap { x in edges.map { _ in x } }
        let b = edges.flatMap { _ in edges }
        return [Region(a), Region(b), Region([Int64](repeating: 0, count: a.count))]
    }()

    /// z[i] = body(x[i], y[i]) of int64, in vectors of `width`.
    private static func kernel(
        width: Int, workgroupSize: Int = 32, _ body: @escaping (KernelBuilder, Value, Value) -> Value
    ) -> Kernel {
        KernelBuilder.build("k", workgroupSize: [workgroupSize, 1, 1]) { k in
            let x = k.buffer("x", .int64, .read)
            let y = k.buffer("y", .int64, .read)
            let z = k.buffer("z", .int64, .write)
            let i = k.globalID(0) * width
            k.if(i < edges.count * edges.count) {
                let result = body(k, x.load(i, width: width), y.load(i, width: width))
                z.store(result.convert(to: .int64), at: i)
            }
        }
    }

    private static func expect(_ what: String, _ body: @escaping (KernelBuilder, Value, Value) -> Value) throws {
        for width in [1, 2, 4, 8] {
            let kernel = kernel(width: width, body)
            #expect(kernel.requirements.features == .int64)
            try expectSame(
                kernel, for: .poor(lanes: width == 2 ? 1 : 4), workgroups: 18, pairs, "\(what) of \(width) lanes")
        }
    }

    @Test(arguments: [
        BinaryOperation.add, .subtract, .multiply, .minimum, .maximum, .and, .or, .xor, .equal, .notEqual, .less,
        .lessEqual, .greater, .greaterEqual,
    ]) func operationsOnTwoWordsAreThoseOfInt64(_ operation: BinaryOperation) throws {
        try Self.expect("\(operation)") { $1.binary(operation, $2) }
    }

    @Test(arguments: [BinaryOperation.divide, .remainder]) func divisionsAreThoseOfInt64(
        _ operation: BinaryOperation
    ) throws {
        try Self.expect("\(operation)") { k, x, y in
            let isOutside = (y == 0) | (y == -1)
            return x.binary(operation, k.select(isOutside, k.constant(3, y.type), y))
        }
    }

    @Test(arguments: [BinaryOperation.shiftLeft, .shiftRight]) func shiftsAreThoseOfInt64(
        _ operation: BinaryOperation
    ) throws {
        try Self.expect("\(operation)") { $1.binary(operation, $2 & 63) }
        for count in [0, 1, 17, 31, 32, 33, 63] {
            try Self.expect("\(operation) by \(count)") { k, x, _ in x.binary(operation, k.constant(count, .int64)) }
        }
    }

    @Test(arguments: [UnaryOperation.negate, .absolute, .not]) func operationsOnOneAreThoseOfInt64(
        _ operation: UnaryOperation
    ) throws {
        try Self.expect("\(operation)") { _, x, _ in x.unary(operation) }
    }

    @Test func selectionsLanesAndConstantsHaveTwoWords() throws {
        try Self.expect("select") { k, x, y in k.select(x < y, y, k.constant(-0x1_2345_6789, .int64)) }
        try Self.expect("lanes") { k, x, y in
            let lanes = zip(x.lanes, y.lanes.reversed()).map { $0 - $1 }
            return k.construct(lanes) + x.lane(0).broadcast(to: x.type)
        }
        try Self.expect("variables") { k, x, y in
            let sum = k.variable(x)
            k.if(y.lane(0) > 5) { sum.value = sum.value + y }
            k.loop(from: 0, to: k.int(3)) { _ in sum.value = sum.value + sum.value }
            return sum.value
        }
    }

    @Test func conversionsOfIntegersAreThoseOfInt64() throws {
        for scalar in [ScalarType.int32, .uint32, .bool] {
            try Self.expect("\(scalar)") { _, x, _ in x.convert(to: scalar) }
        }
    }

    /// Bits from everywhere, and those around where a float32 rounds to the other neighbour.
    private static let longs: [Int64] = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var result = edges
        for place in 0..<64 {
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                result.append(Int64(bitPattern: state) >> place)
            }
            for ulp in [0, 1, 2, 3] where place >= 26 {
                // A significand of 24 bits, then a half, and what breaks the tie or does not.
                let tie = (Int64(0xABCDE0 + ulp) << 1 | 1) << (place - 26)
                result += [tie, tie + 1, tie - 1, -tie]
            }
        }
        while result.count % 8 != 0 { result.append(0) }
        return result
    }()

    @Test(arguments: [1, 4, 8]) func conversionsToFloatsRoundOnce(_ width: Int) throws {
        func kernel(_ scalar: ScalarType) -> Kernel {
            KernelBuilder.build("k", workgroupSize: [8, 1, 1]) { k in
                let x = k.buffer("x", .int64, .read)
                let y = k.buffer("y", scalar == .float64 ? .float64 : .float32, .write)
                let i = k.globalID(0) * width
                k.if(i < Self.longs.count) {
                    let value = x.load(i, width: width).convert(to: scalar)
                    y.store(scalar == .float16 ? value.convert(to: .float32) : value, at: i)
                }
            }
        }
        let floats = Region([Double](repeating: 0, count: Self.longs.count))
        let groups = (Self.longs.count + 7) / 8
        let result = try expectSame(kernel(.float32), workgroups: groups, [Region(Self.longs), floats])
        for (value, float) in zip(Self.longs, result[1].elements(as: Float.self)) { #expect(Float(value) == float) }
        try expectSame(
            kernel(.float64), for: .poor(having: .float64), workgroups: groups, [Region(Self.longs), floats])
        try expectSame(
            kernel(.float16), for: .poor(having: .float16), workgroups: groups, [Region(Self.longs), floats])
    }

    @Test(arguments: [1, 4]) func floatsBecomeIntegersTowardsZero(_ width: Int) throws {
        let floats: [Float] =
            Self.longs.map { Float($0) }.filter { abs($0) < 0x1p63 }
            + [
                0.5, -0.5, 1.5, -2.75, 1e-20, -Float(bitPattern: 71_362), -0.0, -0x1p63, 0x1.fffffep62, 0x1p32,
                0x1.8p32, 4.2e9, -4.3e9,
            ]
        let count = floats.count / 4 * 4
        let kernel = KernelBuilder.build("k", workgroupSize: [8, 1, 1]) { k in
            let x = k.buffer("x", .float32, .read)
            let y = k.buffer("y", .int64, .write)
            let i = k.globalID(0) * width
            k.if(i < count) { y.store(x.load(i, width: width).convert(to: .int64), at: i) }
        }
        let result = try expectSame(
            kernel, workgroups: (count + 7) / 8, [Region(floats), Region([Int64](repeating: 0, count: count))])
        for (float, value) in zip(floats.prefix(count), result[1].elements(as: Int64.self)) {
            #expect(Int64(float) == value)
        }
    }

    /// Counts and adds up what a loop of int64 counts.
    private static func loop(step: Int) -> Kernel {
        KernelBuilder.build("k") { k in
            let z = k.buffer("z", .int64, .readWrite)
            let start = k.argument("start", .int64)
            let end = k.argument("end", .int64)
            k.loop(from: start, to: end, by: step) { i in
                z[k.int(0)] = z[k.int(0)] + i
                z[k.int(1)] = z[k.int(1)] + 1
            }
            k.loop(from: k.constant(-7, .int64), to: k.constant(20, .int64), by: step) { i in
                z[k.int(2)] = z[k.int(2)] * 3 + i
            }
        }
    }

    @Test func loopsCountInTwoWords() throws {
        let ranges: [(Int, Int, Int)] = [
            (0, 5, 1), (5, 5, 1), (6, 5, 1), (-5, 5, 3), (-5, 4, 3), (0xFFFF_FFFA, 0x1_0000_0007, 1),
            (-3, 0x1_0000_0000_0000, 1 << 44), (0, 9 << 40, 1 << 40), (0, (9 << 40) + 1, 1 << 40),
            (-(1 << 62), 1 << 61, (1 << 59) + 12345), (Int.max - 20, Int.max - 9, 5), (Int.min, Int.min + 3, 2),
        ]
        for (start, end, step) in ranges {
            let result = try expectSame(
                Self.loop(step: step), arguments: [start, end].map { UInt64(bitPattern: Int64($0)) },
                [Region([1, 2, 3, 4] as [Int64])], "\(start)..<\(end) by \(step)")
            let count = Array(stride(from: start, to: end, by: step)).count
            #expect(result[0].elements(as: Int64.self)[1] == 2 + Int64(count))
        }
    }

    @Test func indicesSharedArraysAndBarriersWork() throws {
        let kernel = KernelBuilder.build("k", workgroupSize: [8, 1, 1]) { k in
            let x = k.buffer("x", .float32, .read)
            let y = k.buffer("y", .int64, .read)
            let z = k.buffer("z", .int64, .write)
            let n = k.argument("n", .int64)
            let tile = k.shared("tile", .int64, count: 32)
            let i = k.localID(0)
            let place = i.convert(to: .int64) * n - n
            tile.store(y.load(i * 4, width: 4), at: i * 4)
            // Every work-item comes to the barrier in a loop whose counter is an int64.
            let sum = k.variable(k.constant(0, .int64))
            k.loop(from: k.constant(0, .int64), to: n) { turn in
                k.barrier()
                sum.value = sum.value + tile[(i + turn.convert(to: .int32)) % 32]
            }
            k.barrier()
            z[(place + n) / n] = sum.value + x[place].convert(to: .int64)
        }
        for offset in [3, 5] {
            try expectSame(
                kernel, arguments: [3],
                [
                    Region((0..<40).map { Float($0) * 1e9 }, offset: offset),
                    Region((0..<40).map { Int64($0) * 0x1_2345_6789 }, offset: offset),
                    Region([Int64](repeating: 0, count: 40), offset: offset),
                ])
        }
    }

    @Test func subgroupsAddAndCompareTwoWords() throws {
        let kernel = Self.kernel(width: 1) { k, x, y in
            let sum = x.subgroup(.add) ^ (y.subgroup(.minimum) << 1)
            return sum + y.subgroup(.maximum) * 3 + x.subgroup(.shuffleXor(mask: 3))
        }
        // Subgroup operations stand where all come to them.
        let flat = KernelBuilder.build("k", workgroupSize: [32, 1, 1]) { k in
            let x = k.buffer("x", .int64, .read)
            let y = k.buffer("y", .int64, .read)
            let z = k.buffer("z", .int64, .write)
            let i = k.globalID(0)
            let (a, b) = (x[i], y[i])
            let sum = a.subgroup(.add) ^ (b.subgroup(.minimum) << 1)
            z[i] = sum + b.subgroup(.maximum) * 3 + a.subgroup(.shuffleXor(mask: 3))
        }
        expectError(.divergence) { _ = try kernel.legalized(for: .poor(having: .subgroups)) }
        try expectSame(flat, for: .poor(having: .subgroups), workgroups: 18, Self.pairs)
    }
}
