import KernelIR
import Testing

/// What the pass as a whole makes of kernels: vectors in parts, parameters under names of their own, and what it refuses.
@Suite struct LegalizationTests {
    /// Wide vectors through everything that may hold one.
    private static let wide = KernelBuilder.build("wide", workgroupSize: [4, 1, 1]) { k in
        let x = k.buffer("x", .float32, .read)
        let y = k.buffer("y", .float32, .readWrite)
        let scale = k.argument("scale", .float32)
        let tile = k.shared("tile", .float32, count: 64)
        let i = k.localID(0) * 16
        let value = x.load(i, width: 16)
        let type = value.type
        let sum = k.variable(k.multiplyAdd(value, scale.broadcast(to: type), k.constant(0.5, type)))
        k.loop(from: 0, to: k.int(3)) { turn in
            let isLarge = sum.value > turn.convert(to: .float32)
            sum.value = k.select(isLarge, sum.value - 1.5, sum.value.unary(.absolute))
        }
        tile.store(sum.value, at: i)
        k.barrier()
        let other = tile.load((i + 16) % 64, width: 8)
        let lanes = k.construct(other.lanes.reversed() + sum.value.lanes.prefix(8))
        let bits = (lanes.bitcast(to: .int32) ^ 1).bitcast(to: .float32)
        y.store(bits + lanes.convert(to: .int32).convert(to: .float32), at: i)
        y[i + 3] = lanes.lane(13)
    }

    @Test(arguments: [1, 2, 4, 8]) func wideVectorsAreTakenApart(_ lanes: Int) throws {
        let target = KernelTarget.poor(lanes: lanes)
        let legal = try Self.wide.legalized(for: target)
        #expect(legal.kernel.requirements.vectorLanes == lanes)
        try expectSame(
            Self.wide, for: target, arguments: [UInt64(Float(0.3).bitPattern)],
            [Region((0..<70).map { Float($0) - 31.3 }, offset: 5), Region([Float](repeating: 7, count: 70), offset: 1)])
    }

    @Test func whatADeviceCanRunStaysAsItIs() throws {
        let all = KernelTarget(features: [.int64, .storage8, .storage16], maximumVectorLanes: 16)
        let legal = try Self.wide.legalized(for: all)
        #expect(legal.kernel == Self.wide)
        #expect(legal.arguments == [.argument(0)])
        let buffer = legal.buffer(0, InterpreterBuffer(region: .init(start: nil, count: 0), offset: 3, bounds: 1..<9))
        #expect(buffer.offset == 3 && buffer.bounds == 1..<9)
    }

    @Test func parametersHaveNamesOfTheirOwnAndSayWhatTheyHold() throws {
        let kernel = KernelBuilder.build("k") { k in
            let x = k.buffer("x", .uint8, .readWrite)
            let z = k.buffer("z", .int64, .readWrite)
            let n = k.argument("n", .int64)
            let low = k.argument("n_low", .int32)
            let position = k.argument("x_position", .int32)
            x[n] = low
            z[n + 1] = position.convert(to: .int64)
        }
        let legal = try kernel.legalized(for: .poor())
        #expect(legal.kernel.arguments.map(\.name) == ["n_low_", "n_high", "n_low", "x_position", "x_position_"])
        #expect(
            legal.arguments == [
                .lowWord(argument: 0), .highWord(argument: 0), .argument(1), .argument(2), .position(buffer: 0),
            ])
        #expect(legal.kernel.buffers.map(\.element) == [.int32, .int32])
        #expect(legal.argumentBits([0x1_0000_0002, 8, 9], offsets: [7, 5]) == [2, 1, 8, 9, 3])
        #expect(legal.offset(ofBuffer: 0, from: 7) == 1 && legal.offset(ofBuffer: 1, from: 5) == 10)
        let region = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        let words = legal.buffer(0, InterpreterBuffer(region: region, offset: 7, bounds: -2..<3))
        #expect(words.offset == 1 && words.bounds == 0..<2)
    }

    @Test func whatHasNoOtherFormIsRefusedByName() {
        func message(_ features: KernelFeatures = [], _ body: @escaping (KernelBuilder) -> Void) -> String? {
            expectError(.target) { _ = try KernelBuilder.build("k", body).legalized(for: .poor(having: features)) }?
                .message
        }
        #expect(message { _ = $0.buffer("x", .float64, .read) } == "it needs float64, which the device lacks")
        #expect(message { _ = $0.argument("x", .float16) } == "it needs float16 arithmetic, which the device lacks")
        #expect(message { _ = $0.subgroupLane() } == "it needs subgroups, which the device lacks")
        #expect(
            message(.float64) { k in _ = k.argument("n", .int64).bitcast(to: .float64) }
                == "it needs int64, which the device lacks, for the bits of a float64")
        #expect(
            message { k in for number in 0..<200 { _ = k.argument("n\(number)", .int64) } }
                == "it needs arguments of 1600 bytes, and the device has at most 1024")
    }

    @Test func aWrongKernelIsNotMadeRight() {
        let kernel = KernelBuilder.build("k", workgroupSize: [4, 1, 1]) { k in
            k.if(k.localID(0) < 2) { k.barrier() }
        }
        expectError(.divergence) { _ = try kernel.legalized(for: .poor()) }
    }
}
