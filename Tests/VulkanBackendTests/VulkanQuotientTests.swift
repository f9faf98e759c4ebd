import DeviceSupport
import KernelIR
import Shaders
import TensorConformance
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Quotients and square roots, as the drivers have them and put right by integers.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanQuotientTests {
    private static let quirk = "vulkan.divides"

    private static func open(_ driver: VulkanTesting.Driver, expands: Bool) throws -> VulkanDevice {
        try VulkanTesting.open(driver, configure: { $0.quirks = [quirk: expands] }).device
    }

    @Test(arguments: VulkanTesting.Driver.allCases, [true, false])
    func rowsThatDividePass(_ driver: VulkanTesting.Driver, expands: Bool) throws {
        let device = try Self.open(driver, expands: expands)
        #expect(device.quirks.contains(Self.quirk) == expands)
        let library = ShaderLibrary(target: device.target)
        let rows = try ConformanceCatalogue.cases(for: device.description).filter { row in
            try device.unsupportedReason(row.spec) == nil && library.plan(row.spec).launches.contains { $0.divides }
        }
        #expect(rows.count > 100)
        // Those of the operations themselves all, of others some.
        let names = ["divide", "reciprocal", "sqrt", "rsqrt"].map { "fused/\($0)/" }
        let chosen = rows.enumerated().filter { number, row in
            CatalogueRun.isWhole || names.contains { row.name.hasPrefix($0) } || number % 13 == 0
        }
        let others = ConformanceSuite().run(device: device, cases: chosen.map(\.element)).filter { !$0.passed }
        for other in others.prefix(20) { print("\(driver), expanded \(expands): \(other)") }
        #expect(others.isEmpty, "\(others.count) of \(chosen.count) rows do not pass")
        print("\(driver), expanded \(expands): \(chosen.count) of \(rows.count) rows that divide")
    }

    @Test(arguments: VulkanTesting.Driver.allCases)
    func quotientsAndRootsAreTheProcessorsBitForBit(_ driver: VulkanTesting.Driver) throws {
        let device = try Self.open(driver, expands: true)
        #expect(
            try DeviceSelfTest(identity: device.identity, configuration: RuntimeConfiguration())
                .dividesExactly(on: device))
    }

    /// A device that was seen to divide wrongly, as the self-test keeps it.
    @Test func aDeviceThatDividesWronglyIsPutRight() throws {
        let scratch = TemporaryDirectory()
        func open(_ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws -> VulkanDevice {
            try VulkanTesting.open(
                .lavapipe, { $0.testsDevices = true },
                configure: {
                    $0.cacheDirectory = scratch.path
                    change(&$0)
                }
            ).device
        }
        let device = try open()
        #expect(!device.quirks.contains(Self.quirk))
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = scratch.path
        let test = DeviceSelfTest(identity: device.identity, configuration: configuration)
        #expect(try test.dividesExactly(on: device))
        test.keep(dividesExactly: false)
        #expect(try open().quirks.contains(Self.quirk))
        #expect(try !open { $0.quirks = [Self.quirk: false] }.quirks.contains(Self.quirk))
        // What integers do not put right is not used.
        DeviceSelfTest(identity: device.identity + "\nexpanded", configuration: configuration)
            .keep(dividesExactly: false)
        let error = tensorError { _ = try open() }
        #expect(error?.kind == .deviceUnavailable)
        #expect(error?.message.contains("its quotients cannot be put right") == true, "\(String(describing: error))")
    }
}

extension ShaderLaunch {
    /// Whether its kernel has quotients or square roots of floats.
    fileprivate var divides: Bool {
        let kernel = build()
        var result = false
        kernel.forEachStatement { statement in
            switch statement {
            case .define(let value, .binary(.divide, _, _)), .define(let value, .unary(.squareRoot, _)):
                if kernel.types[value].scalar.isFloat { result = true }
            default: break
            }
        }
        return result
    }
}
