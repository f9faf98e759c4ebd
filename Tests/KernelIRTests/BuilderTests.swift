import KernelIR
import Testing

/// What the builder makes of what it is asked for.
@Suite struct BuilderTests {
    private func count(_ kernel: Kernel, _ matches: (Operation) -> Bool) -> Int {
        var count = 0
        kernel.forEachStatement { if case .define(_, let operation) = $0, matches(operation) { count += 1 } }
        return count
    }

    private func additions(_ kernel: Kernel) -> Int {
        count(kernel) { if case .binary(.add, _, _) = $0 { true } else { false } }
    }

    @Test func aKernelPrintsAsText() throws {
        let kernel = KernelBuilder.build("scale", workgroupSize: [64, 1, 1]) { k in
            let x = k.buffer("x", .float16, .readWrite)
            let count = k.argument("count", .int32)
            let tile = k.shared("tile", .float32, count: 128)
            let i = k.globalID(0)
            let sum = k.variable(k.constant(0.5, .float32.vector(2)))
            k.if(i < count) {
                k.loop(from: 0, to: count, by: 2, unrolls: true) { j in
                    sum.value = k.multiplyAdd(x.load(j, width: 2), sum.value, sum.value)
                }
            } else: {
                sum.value = -sum.value
            }
            k.barrier()
            tile.store(sum.value, at: k.localID(0) * 2)
            x[i] = sum.value.lane(1)
        }
        try kernel.validate()
        let text = """
            kernel scale workgroup 64x1x1
              buffer x float16 readWrite
              argument count int32
              shared tile float32[128]
              variable $0 float32x2
            %0 int32 = argument count
            %1 int32 = workgroupID(0)
            %2 int32 = 64
            %3 int32 = multiply %1 %2
            %4 int32 = localID(0)
            %5 int32 = add %3 %4
            %6 float32x2 = 0.5
            $0 = %6
            %7 bool = less %5 %0
            %8 int32 = 0
            %9 int32 = 2
            if %7 {
              loop %10 in %8..<%0 by %9 unrolled {
                %11 float32x2 = x[%10]
                %12 float32x2 = $0
                %13 float32x2 = $0
                %14 float32x2 = multiplyAdd %11 %12 %13
                $0 = %14
              }
            } else {
              %15 float32x2 = $0
              %16 float32x2 = negate %15
              $0 = %16
            }
            barrier
            %17 float32x2 = $0
            %18 int32 = multiply %4 %9
            tile[%18] = %17
            %19 float32x2 = $0
            %20 float32 = extract %19 lane 1
            x[%5] = %20
            """
        #expect(kernel.description == text)
    }

    @Test func equalPureOperationsAreOneValue() {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .int32, .readWrite)
            let a = k.argument("a", .int32)
            x[a + 1] = a + 1
            k.if(a < 3) { x[a + 1] = a + 2 }
            k.if(a < 4) { x[a + 2] = a + 1 }
        }
        // a + 1 outside; a + 2 once in each branch.
        #expect(additions(kernel) == 3)
    }

    @Test func loadsAndReadsAreMadeEachTime() {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .int32, .readWrite)
            let zero = k.int(0)
            let v = k.variable(x[zero])
            x[zero] = x[zero] + v.value
            v.value = x[zero] + v.value
            x[zero] = v.value
        }
        #expect(count(kernel) { if case .load = $0 { true } else { false } } == 3)
        #expect(count(kernel) { if case .read = $0 { true } else { false } } == 3)
    }

    @Test func integersFoldAndNeutralOnesVanish() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .int32, .write)
            let a = k.argument("a", .int32)
            let one = k.int(1)
            x[k.int(0)] = (a * one + 0 - 0) / 1
            x[k.int(1)] = k.int(Int(Int32.max)) + one
            x[k.int(2)] = a * 0 + a % 1
            x[k.int(3)] = k.int(7) - 10
            k.if(k.bool(false)) {
                x[k.int(4)] = a + 5
            } else: {
                x[k.int(4)] = a
            }
        }
        #expect(count(kernel) { if case .binary = $0 { true } else { false } } == 0)
        let result = try run(kernel, arguments: [42], [[Int32](repeating: 9, count: 5)])
        #expect(result == [[42, .min, 0, -3, 42]])
    }

    @Test func argumentsAndConstantsStandFirst() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .int32, .write)
            k.loop(from: 0, to: k.int(2)) { i in
                k.if(i < 7) { x[i] = k.argument("late", .int32) + k.localID(0) + 5 }
            }
            x[k.int(2)] = k.int(5) + k.localID(0)
        }
        try kernel.validate()
        #expect(count(kernel) { if case .builtin = $0 { true } else { false } } == 1)
        #expect(try run(kernel, arguments: [1], [[Int32](repeating: 0, count: 3)]) == [[6, 6, 5]])
    }
}
