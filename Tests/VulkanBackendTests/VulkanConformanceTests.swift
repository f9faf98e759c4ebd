import Foundation
import TensorConformance
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// The catalogue and the contract on lavapipe, with the schedules of both classes, and on SwiftShader, which lacks narrow and
/// wide integers. Serial: drivers use the whole machine themselves.
///
/// A part of the rows runs, from every family; `NEEDLETAIL_WHOLE_CATALOGUE=1` runs all.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanConformanceTests {
    private static let suite = ConformanceSuite()

    struct Target: CustomTestStringConvertible {
        let driver: VulkanTesting.Driver
        let scheduleClass: RuntimeConfiguration.ScheduleClass
        var testDescription: String { "\(driver), \(scheduleClass)" }

        func open() throws -> VulkanDevice {
            try VulkanTesting.open(driver, configure: { $0.vulkanScheduleClass = scheduleClass }).device
        }
    }

    static let targets = [
        Target(driver: .lavapipe, scheduleClass: .cpu), Target(driver: .lavapipe, scheduleClass: .gpu),
        Target(driver: .swiftShader, scheduleClass: .cpu), Target(driver: .swiftShader, scheduleClass: .gpu),
    ]

    /// By default a convolution is decomposed where a processor computes workgroups.
    @Test(arguments: [VulkanTesting.Driver.lavapipe, .swiftShader])
    func softwareHasConvolutionsOfItsOwnOnlyWhereAClassIsNamed(_ driver: VulkanTesting.Driver) throws {
        for scheduleClass in RuntimeConfiguration.ScheduleClass.allCases {
            let device = try Target(driver: driver, scheduleClass: scheduleClass).open()
            #expect(device.description.families.contains(.convolution) == (scheduleClass != .automatic))
        }
    }

    @Test(arguments: targets) func theContractIsKept(_ target: Target) throws {
        let complaints = Self.suite.runContract(on: try target.open()).filter { !$0.passed }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test(arguments: targets) func theCataloguePasses(_ target: Target) throws {
        let device = try target.open()
        let run = CatalogueRun(
            CatalogueRun.rows(
                for: device.description,
                oneIn: [.fused: 61, .matmul: 23, .convolution: 17, .pooling: 29, .scatterAdd: 23, .scan: 17, .sort: 7],
                offset: Self.targets.firstIndex { $0.testDescription == target.testDescription } ?? 0),
            on: device, suite: Self.suite, title: target.testDescription)
        #expect(run.wrong.isEmpty, "\(run.wrong.count) rows do not pass")
        // Vulkan has few functions of float64, and nothing else is missing.
        #expect(run.left.count * 10 < run.passed.count)
        print("\(target.testDescription): \(device.programCounts.compiled) programs compiled")
    }

    @Test(arguments: targets) func numbersAreTheSameOnTheDevice(_ target: Target) throws {
        let device = try target.open()
        let functions = [
            "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf", "erfc", "erfinv", "lgamma",
            "digamma", "exp2", "expm1", "log2", "log10", "log1p", "trunc", "round", "ceil", "atan2", "fmod",
            "floorDivide",
        ]
        let names = Set(
            functions.map { "fused/\($0)/float32/special" } + ["sin", "cos", "tan"].map { "fused/\($0)/float32/large" })
        let rows = ConformanceCatalogue.cases(for: device.description).filter { row in
            // Random bits and uniform numbers are the CPU's.
            if names.contains(row.name) || row.name.contains("random") { return true }
            return row.name.hasPrefix("fused/numbers/") && !row.dtypes.contains(.float64)
        }
        .filter { row in
            // Long sums by one work-item, which llvmpipe would leave early.
            guard let reason = device.unsupportedReason(row.spec) else { return true }
            print("\(target.testDescription): left out \(row.name): \(reason)")
            return !reason.contains("ends them after")
        }
        #expect(rows.count > 40)
        let run = CatalogueRun(rows, on: device, suite: Self.suite, title: target.testDescription)
        #expect(run.passed.count == rows.count, "\(run.wrong.count) rows do not pass, \(run.left.count) are left out")
    }

    @Test func aFunctionThatVulkanLacksIsRefusedBeforeItIsMade() throws {
        let device = try VulkanTesting.open(.lavapipe).device
        let rows = ConformanceCatalogue.cases(for: device.description)
        let row = try #require(rows.first { $0.name == "fused/expm1/float64/1" })
        #expect(device.unsupportedReason(row.spec)?.contains("Vulkan has no expm1 of float64") == true)
        let plain = try #require(rows.first { $0.name == "fused/add/float64/1" })
        #expect(device.unsupportedReason(plain.spec) == nil)
    }
}

/// Products whose work-items would go through more turns of loops than llvmpipe goes, were the work not cut finely.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanLoopTests {
    @Test(arguments: [RuntimeConfiguration.ScheduleClass.cpu, .gpu])
    func longSumsAreWhole(_ scheduleClass: RuntimeConfiguration.ScheduleClass) throws {
        let device = try VulkanTesting.open(.lavapipe, configure: { $0.vulkanScheduleClass = scheduleClass }).device
        #expect(device.quirks == ["vulkan.short-loops"])
        let (m, k, n) = (1000, 784, 16)
        let product = FusedKernel.Access(strides: Shape([m, n]).contiguousStrides)
        let epilogue = FusedKernel(
            program: .copy(from: .float32, to: .float32), extents: [m, n], outerRank: 2, inputs: [product],
            outputs: [product])
        let kernel = try device.makeKernel(
            KernelSpec(
                MatmulKernel(
                    dtype: .float32, batch: [], m: m, n: n, k: k, aStrides: Shape([m, k]).contiguousStrides,
                    bStrides: [1, k], epilogue: epilogue)))
        let stream = try device.makeStream()
        let a = try device.allocate(byteCount: 4 * m * k)
        let b = try device.allocate(byteCount: 4 * n * k)
        let c = try device.allocate(byteCount: 4 * m * n)
        try stream.write([Float](repeating: 1, count: m * k), to: a)
        try stream.write([Float](repeating: 2, count: n * k), to: b)
        var bindings = [BufferBinding(buffer: a), BufferBinding(buffer: b), BufferBinding(buffer: c)]
        if kernel.workspaceByteCount > 0 {
            bindings.append(BufferBinding(buffer: try device.allocate(byteCount: kernel.workspaceByteCount)))
        }
        try stream.launch(kernel, bindings)
        let found = try stream.read(c, count: m * n)
        #expect(found.allSatisfy { $0 == Float(2 * k) }, "\(found.prefix(4)), \(found.suffix(4))")
    }
}
