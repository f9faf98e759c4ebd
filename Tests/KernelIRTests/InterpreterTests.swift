import KernelIR
import TensorRuntime
import Testing

/// Whole kernels on the interpreter.
@Suite struct InterpreterTests {
    @Test func aTiledProductIsRight() throws {
        // C (24 x 20) = A (24 x 16) B (16 x 20) by tiles of 8 x 4, 8 of k at a time.
        let (m, n, k) = (24, 20, 16)
        let kernel = KernelBuilder.build("matmul", workgroupSize: [4, 8, 1]) { b in
            let a = b.buffer("a", .float32, .read)
            let right = b.buffer("b", .float32, .read)
            let c = b.buffer("c", .float32, .write)
            let (columns, depth) = (b.argument("n", .int32), b.argument("k", .int32))
            let tileA = b.shared("tile_a", .float32, count: 64)
            let tileB = b.shared("tile_b", .float32, count: 32)
            let (x, y) = (b.localID(0), b.localID(1))
            let row = b.globalID(1)
            let column = b.globalID(0)
            let sum = b.variable(b.constant(0.0, .float32))
            b.loop(from: 0, to: depth, by: 8) { first in
                tileA.store(a.load(row * depth + first + x * 2, width: 2), at: y * 8 + x * 2)
                tileB[y * 4 + x] = right[(first + y) * columns + column]
                b.barrier()
                b.loop(from: 0, to: b.int(8)) { i in
                    sum.value = b.multiplyAdd(tileA[y * 8 + i], tileB[i * 4 + x], sum.value)
                }
                b.barrier()
            }
            c[row * columns + column] = sum.value
        }
        try kernel.validate()
        let a = (0..<m * k).map { Float($0 % 13) - 6 }
        let b = (0..<k * n).map { Float($0 % 11) / 4 }
        var c = [Float](repeating: .nan, count: m * n)
        let interpreter = try KernelInterpreter(kernel)
        try withRegions(a, b, c) { regions in
            try interpreter.launch(
                workgroups: [5, 3, 1], arguments: [UInt64(n), UInt64(k)],
                buffers: regions.map { InterpreterBuffer(region: $0) })
            c = Array(regions[2].bindMemory(to: Float.self))
        }
        for row in 0..<m {
            for column in 0..<n {
                let expected = (0..<k).reduce(Float(0)) { $0.addingProduct(a[row * k + $1], b[$1 * n + column]) }
                #expect(c[row * n + column] == expected)
            }
        }
    }

    /// Lends three arrays as regions.
    private func withRegions(
        _ a: [Float], _ b: [Float], _ c: [Float], _ body: ([UnsafeMutableRawBufferPointer]) throws -> Void
    ) throws {
        var (a, b, c) = (a, b, c)
        try a.withUnsafeMutableBytes { a in
            try b.withUnsafeMutableBytes { b in
                try c.withUnsafeMutableBytes { try body([a, b, $0]) }
            }
        }
    }

    /// Each workgroup of 16 adds 16 numbers in a tree.
    private func reduction(barrierInLoop: Bool = true) -> Kernel {
        KernelBuilder.build("sum", workgroupSize: [16, 1, 1]) { k in
            let x = k.buffer("x", .int32, .read)
            let y = k.buffer("y", .int32, .write)
            let tile = k.shared("tile", .int32, count: 16)
            let item = k.localID(0)
            tile[item] = x[k.globalID(0)]
            k.barrier()
            for distance in [8, 4, 2, 1] {
                k.if(item < distance) { tile[item] = tile[item] + tile[item + distance] }
                if barrierInLoop { k.barrier() }
            }
            k.if(item == 0) { y[k.workgroupID(0)] = tile[item] }
        }
    }

    @Test func aWorkgroupAddsInATree() throws {
        let x = (0..<48).map { Int32($0 * $0) }
        let sums = (0..<3).map { group in x[group * 16..<group * 16 + 16].reduce(0, +) }
        #expect(try run(reduction(), workgroups: 3, [x, [0, 0, 0]])[1] == sums)
    }

    @Test func aMissingBarrierIsARace() throws {
        let error = expectError(.race) {
            _ = try run(reduction(barrierInLoop: false), workgroups: 3, [(0..<48).map(Int32.init), [0, 0, 0]])
        }
        #expect(error?.kernel == "sum")
        #expect(error?.statement?.hasPrefix("tile[") == true || error?.statement?.contains("= tile[") == true)
        #expect(error?.workItem?.workgroup == [0, 0, 0])
    }

    @Test func smallWorkgroupsKnowTheirPlaces() throws {
        let kernel = KernelBuilder.build("places", workgroupSize: [2, 3, 1]) { k in
            let x = k.buffer("x", .int32, .write)
            let number =
                (k.globalID(2) * k.workgroupCount(1) * 3 + k.globalID(1)) * k.workgroupCount(0) * 2 + k.globalID(0)
            x[number] =
                k.workgroupID(0) + k.workgroupID(1) * 10 + k.workgroupID(2) * 100
                + k.localID(0) * 1000 + k.localID(1) * 10000
        }
        var x = [Int32](repeating: -1, count: 5 * 4 * 7 * 6)
        let interpreter = try KernelInterpreter(kernel)
        try x.withUnsafeMutableBytes {
            try interpreter.launch(workgroups: [5, 4, 7], buffers: [InterpreterBuffer(region: $0)])
        }
        for (number, value) in x.enumerated() {
            let (column, rest) = (number % 10, number / 10)
            let (row, plane) = (rest % 12, rest / 12)
            let expected = column / 2 + row / 3 * 10 + plane * 100 + column % 2 * 1000 + row % 3 * 10000
            #expect(value == expected)
        }
    }

    @Test func workItemsGoTheirOwnWays() throws {
        // Collatz steps: loops, branches and variables that differ by work-item.
        let kernel = KernelBuilder.build("collatz", workgroupSize: [8, 1, 1]) { k in
            let x = k.buffer("x", .int32, .readWrite)
            let i = k.globalID(0)
            let value = k.variable(x[i])
            let steps = k.variable(k.int(0))
            k.loop(from: 0, to: k.int(200)) { _ in
                k.if(value.value != 1) {
                    k.if(value.value % 2 == 0) {
                        value.value = value.value / 2
                    } else: {
                        value.value = value.value * 3 + 1
                    }
                    steps.value = steps.value + 1
                }
            }
            let left = k.variable(k.int(0))
            k.loop(from: i, to: k.int(20), by: 3) { j in left.value = left.value + j }
            x[i] = steps.value * 1000 + left.value
        }
        let result = try run(kernel, workgroups: 3, [(1...24).map(Int32.init)])[0]
        for (i, value) in result.enumerated() {
            var (n, steps) = (i + 1, 0)
            while n != 1 { (n, steps) = (n % 2 == 0 ? n / 2 : n * 3 + 1, steps + 1) }
            #expect(value == Int32(steps * 1000 + stride(from: i, to: 20, by: 3).reduce(0, +)))
        }
    }

    @Test func subgroupsAreConsecutiveWorkItems() throws {
        let kernel = KernelBuilder.build("subgroups", workgroupSize: [20, 1, 1]) { k in
            let x = k.buffer("x", .int32, .readWrite)
            let y = k.buffer("y", .int32, .write)
            let i = k.localID(0)
            let value = x[i]
            let sum = value.subgroup(.add)
            let least = value.subgroup(.minimum)
            let greatest = value.subgroup(.maximum)
            y[i] = value.subgroup(.shuffleXor(mask: 3)) + k.subgroupLane() * 100 + k.subgroupSize() * 1000
            x[i] = sum * 10000 + least * 100 + greatest
        }
        let values = (0..<20).map { Int32(($0 * 7) % 20) }
        let result = try run(kernel, [values, values])
        for i in 0..<20 {
            let group = values[i / 8 * 8..<min(i / 8 * 8 + 8, 20)]
            #expect(result[0][i] == group.reduce(0, +) * 10000 + group.min()! * 100 + group.max()!)
            #expect(result[1][i] == values[i ^ 3] + Int32(i % 8) * 100 + 8000)
        }
        let lonely = KernelBuilder.build("lonely", workgroupSize: [4, 1, 1]) { k in
            let x = k.buffer("x", .int32, .readWrite)
            x[k.localID(0)] = x[k.localID(0)].subgroup(.shuffleXor(mask: 4))
        }
        expectError(.bounds) { _ = try run(lonely, [[Int32](repeating: 0, count: 4)]) }
    }

    @Test func memoryConvertsOnItsWay() throws {
        func copy(_ element: DType, adding amount: Double) -> Kernel {
            KernelBuilder.build("copy") { k in
                let x = k.buffer("x", element, .read)
                let y = k.buffer("y", element, .write)
                let value = x.load(k.int(0), width: 8)
                let scalar = element.valueScalar
                let sum =
                    scalar == .bool
                    ? !value
                    : value + k.constant(amount, scalar.isFloat ? ValueType(scalar) : .float64).convert(to: scalar)
                y.store(sum, at: k.int(0))
            }
        }
        // To the nearest float16, halves to even: 2048 has a step of 2.
        let halves: [Float16] = [1, 0.5, 2048, 2050, -2, 65504, .infinity, .nan]
        let moved = try run(copy(.float16, adding: 1), [halves, halves])[1]
        #expect(Array(moved[0..<7]) == [2, 1.5, 2048, 2052, -1, 65504, .infinity] && moved[7].isNaN)
        func pattern(_ x: Float) -> UInt16 { UInt16(x.bitPattern >> 16) }
        let brains = [1, 0.5, 256, 258, -2, 3, .infinity, .nan].map(pattern)
        let result = try run(copy(.bfloat16, adding: 1), [brains, brains])[1]
        #expect(Array(result[0..<7]) == [2, 1.5, 256, 260, -1, 4, .infinity].map(pattern))
        #expect(Float(bitPattern: UInt32(result[7]) << 16).isNaN)
        let bytes: [UInt8] = [0, 1, 127, 128, 253, 254, 255, 7]
        #expect(try run(copy(.uint8, adding: 2), [bytes, bytes])[1] == bytes.map { $0 &+ 2 })
        #expect(try run(copy(.bool, adding: 0), [bytes, bytes])[1] == [1, 0, 0, 0, 0, 0, 0, 0])
        let longs: [Int64] = [.max, .min, 0, 1, 2, 3, 4, 5]
        #expect(try run(copy(.int64, adding: 1), [longs, longs])[1] == longs.map { $0 &+ 1 })
        let doubles = [0.1, 1e300, -0.0, 1, 2, 3, 4, 5]
        #expect(try run(copy(.float64, adding: 0.1), [doubles, doubles])[1] == doubles.map { $0 + 0.1 })
    }
}
