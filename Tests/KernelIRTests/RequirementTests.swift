import KernelIR
import Testing

/// What kernels need, and what becomes of those that need more than a device has.
@Suite struct RequirementTests {
    private func features(_ body: @escaping (KernelBuilder) -> Void) -> KernelFeatures {
        KernelBuilder.build("k", body).requirements.features
    }

    @Test func featuresAreThoseThatTheKernelUses() {
        #expect(features { _ = $0.buffer("x", .float32, .read) } == [])
        #expect(features { _ = $0.buffer("x", .float16, .read) } == .storage16)
        #expect(features { _ = $0.buffer("x", .bfloat16, .read) } == .storage16)
        #expect(features { _ = $0.buffer("x", .uint8, .read) } == .storage8)
        #expect(features { _ = $0.buffer("x", .bool, .read) } == .storage8)
        #expect(features { _ = $0.buffer("x", .int64, .read) } == .int64)
        #expect(features { _ = $0.buffer("x", .float64, .read) } == .float64)
        #expect(features { _ = $0.argument("x", .int64) } == .int64)
        #expect(features { _ = $0.argument("x", .float16) } == .float16)
        #expect(features { _ = $0.shared("x", .float64, count: 3) } == .float64)
        #expect(features { _ = $0.localID(0).convert(to: .int64) } == .int64)
        #expect(features { _ = $0.subgroupLane() } == .subgroups)
        #expect(features { _ = $0.subgroupSize() } == .subgroups)
    }

    /// A kernel that takes something of everything: 2 buffers, 8 + 4 bytes of arguments, 128 work-items, 8 lanes, subgroups.
    private static let greedy = KernelBuilder.build("greedy", workgroupSize: [32, 4, 1]) { k in
        let x = k.buffer("x", .float32, .read)
        let y = k.buffer("y", .uint8, .write)
        let n = k.argument("n", .int64).convert(to: .int32) + k.argument("m", .int32)
        let tile = k.shared("tile", .float32, count: 100)
        tile[k.localID(0)] = x.load(n, width: 8).lane(3)
        y[n] = k.localID(0).subgroup(.shuffleXor(mask: 9))
    }

    @Test func sizesAreCounted() {
        let needs = Self.greedy.requirements
        #expect(needs.features == [.int64, .storage8, .subgroups])
        #expect(needs.vectorLanes == 8)
        #expect(needs.argumentByteCount == 44)
        #expect(needs.sharedByteCount == 400)
        #expect(needs.workgroupItemCount == 128)
        #expect(needs.subgroupItemCount == 16)
    }

    @Test func aTargetThatHasJustEnoughIsRight() throws {
        try Self.greedy.validate(for: Self.enough)
    }

    private static let enough = KernelTarget(
        features: [.int64, .storage8, .subgroups], maximumVectorLanes: 8, argumentByteCount: 44, sharedByteCount: 400,
        maximumWorkgroupSize: 128, subgroupSize: 16)

    @Test func whatATargetLacksIsNamed() {
        let rows: [(lessen: (inout KernelTarget) -> Void, message: String)] = [
            ({ $0.features.remove(.int64) }, "it needs int64, which the device lacks"),
            ({ $0.features = [] }, "it needs subgroups, int64, 8-bit storage, which the device lacks"),
            ({ $0.maximumVectorLanes = 4 }, "it needs vectors of 8 lanes, and the device has at most 4"),
            ({ $0.argumentByteCount = 43 }, "it needs arguments of 44 bytes, and the device has at most 43"),
            ({ $0.sharedByteCount = 399 }, "it needs shared arrays of 400 bytes, and the device has at most 399"),
            ({ $0.maximumWorkgroupSize = 64 }, "it needs workgroups of 128 work-items, and the device has at most 64"),
            ({ $0.subgroupSize = 8 }, "it shuffles in subgroups of 16 work-items, and the device's have 8"),
        ]
        for (lessen, message) in rows {
            var target = Self.enough
            lessen(&target)
            let error = expectError(.target) { try Self.greedy.validate(for: target) }
            #expect(error?.message == message)
            #expect(error?.kernel == "greedy")
        }
    }
}
