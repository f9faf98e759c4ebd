import TensorConformance
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Operands of more bytes than a binding has, which kernels reach by address. SwiftShader tells none, and binds 1 GiB.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanFarTests {
    /// Every family, where nearly every operand is larger than a binding. A part of the rows runs, or all with
    /// `NEEDLETAIL_WHOLE_CATALOGUE=1`.
    @Test(arguments: VulkanConformanceTests.targets.filter { $0.driver == .lavapipe })
    func theCataloguePassesWhereBindingsAreSmall(_ target: VulkanConformanceTests.Target) throws {
        let device = try VulkanTesting.open(
            target.driver, { $0.rangeLimit = 1024 }, configure: { $0.vulkanScheduleClass = target.scheduleClass }
        ).device
        var seen: [KernelFamily: Int] = [:]
        let rows = ConformanceCatalogue.cases(for: device.description).filter { row in
            let isFar = row.spec.operandExtents.contains { $0.count * ($0.dtype?.byteCount ?? 0) > 1024 }
            guard isFar, device.unsupportedReason(row.spec) == nil else { return false }
            seen[row.family, default: 0] += 1
            return CatalogueRun.isWhole || seen[row.family]! % (row.family == .fused ? 19 : 7) == 1
        }
        #expect(rows.count > 100 && Set(rows.map(\.family)) == Set(seen.keys))
        let others = ConformanceSuite().run(device: device, cases: rows).filter { !$0.passed }
        for other in others.prefix(20) { print("\(target.testDescription), far: \(other)") }
        #expect(others.isEmpty, "\(others.count) of \(rows.count) rows do not pass")
        print("\(target.testDescription): \(rows.count) rows with operands beyond a binding")
    }

    /// 136 MB, where lavapipe binds 128 MiB.
    @Test func aTensorLargerThanABindingIsReadAndWritten() throws {
        let (device, _) = try VulkanTesting.open(.lavapipe)
        let count = 34_000_000
        let kernel = try device.makeKernel(Scaling(count: count).spec)
        #expect(kernel.listing.contains("physicalStorageBuffer"))
        let buffer = try device.allocate(byteCount: 4 * count)
        let stream = try device.makeStream()
        try stream.write((0..<count).map { Float($0 % 8191) }, to: buffer)
        try stream.launch(kernel, [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)], [2])
        let found = try stream.read(buffer, count: count)
        #expect(found.indices.allSatisfy { found[$0] == 2 * Float($0 % 8191) })
    }

    /// Launches at offsets, beside others that touch the same memory.
    @Test func farOperandsBeginAnywhere() throws {
        let (device, _) = try VulkanTesting.open(.lavapipe, { $0.rangeLimit = 1 << 12 })
        let buffer = try device.allocate(byteCount: 4 * 10_000)
        let stream = try device.makeStream()
        try stream.write((0..<10_000).map(Float.init), to: buffer)
        let far = try Scaling(count: 3000).kernel(on: device)
        let near = try Scaling(count: 500, name: "near").kernel(on: device)
        // Each reads what the one before wrote.
        try stream.launch(
            far, [BufferBinding(buffer: buffer, offset: 1), BufferBinding(buffer: buffer, offset: 4001)], [2])
        try stream.launch(
            near, [BufferBinding(buffer: buffer, offset: 4001), BufferBinding(buffer: buffer, offset: 7501)], [3])
        try stream.launch(
            far, [BufferBinding(buffer: buffer, offset: 5000), BufferBinding(buffer: buffer, offset: 7)], [1])
        let found = try stream.read(buffer, count: 10_000)
        #expect(found[7501..<8001] == ArraySlice((1...500).map { 6 * Float($0) }))
        #expect(found[4001..<7001] == ArraySlice((1...3000).map { 2 * Float($0) }))
        #expect(found[7..<2008] == ArraySlice((1000...3000).map { 2 * Float($0) }))
        #expect(found[2008..<2508] == ArraySlice((7001..<7501).map(Float.init)))
        #expect(found[2508..<3007] == ArraySlice((1..<500).map { 6 * Float($0) }))
    }

    @Test func whatCannotBeReachedIsRefusedByName() throws {
        let (device, _) = try VulkanTesting.open(
            .lavapipe,
            {
                $0.rangeLimit = 1 << 16
                $0.usesAddresses = false
            })
        let error = tensorError { _ = try Scaling(count: 20_000).kernel(on: device) }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.contains("and it tells no addresses") == true, "\(String(describing: error))")
        _ = try Scaling(count: 8000).kernel(on: device)
    }
}
