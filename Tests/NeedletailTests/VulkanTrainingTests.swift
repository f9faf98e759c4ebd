import Foundation
import Needletail
import TensorGraph
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// Training on lavapipe and SwiftShader, against the CPU, with every call and its synchronisation validated.
@Suite(.serialized, .enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set"))
struct VulkanTrainingTests {
    /// The losses of fifty steps of `mlp`, dropout on.
    private static func losses() throws -> [Double] {
        var losses: [Double] = []
        try SmallTraining().run(50, after: { _, step in losses.append(try step.loss.item()) })
        return losses
    }

    @Test(arguments: VulkanTesting.Driver.allCases)
    func theFirstFiftyLossesAreTheCPUs(_ driver: VulkanTesting.Driver) throws {
        let expected = try withOwnDevice { _ in try Self.losses() }
        let device = try VulkanTesting.open(driver).device
        let context = try DeviceContext(device: device)
        let found = try withDeviceContext(context) { () throws(any Error) in try Self.losses() }
        for (step, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 2e-5 * abs(b), "\(driver), step \(step): \(a), on the CPU \(b)")
        }
        #expect(found.count == 50 && expected[49] < expected[0])
    }

    @Test func aSteadyStepBuildsAndRecordsNothing() throws {
        let device = try VulkanTesting.open(.lavapipe, { $0.listener = nil }).device
        let context = try DeviceContext(device: device)
        try withDeviceContext(context) { () throws(any Error) in
            let training = SmallTraining()
            var before = context.statistics
            try training.run(40, after: { number, _ in if number == 9 { before = context.statistics } })
            let spent = context.statistics - before
            #expect(spent.plansBuilt == 0)
            #expect(spent.driverAllocations == 0)
            #expect(spent.kernelsMade == 0)
            #expect(spent.launches <= 30 * 16)
            #expect(spent.recordings == 0)
        }
    }
}
