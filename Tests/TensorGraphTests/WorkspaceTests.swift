import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

@Suite struct WorkspaceTests {
    @Test func aWorkspaceOverlapsNothingThatIsAlive() throws {
        for seed in 0..<300 {
            let context = try DeviceContext(
                device: WorkspaceDevice(byteCount: 40 + seed % 7 * 100), configuration: RuntimeConfiguration())
            let plain = try makeContext()
            let a = try RandomGraph(seed: UInt64(seed), in: context)
            let b = try RandomGraph(seed: UInt64(seed), in: plain)
            for (x, y) in zip(a.live, b.live) { #expect(try x.floats() == y.floats(), "seed \(seed)") }
        }
    }

    @Test func workspacesShareTheArenaWithTheValuesOfOtherLaunches() throws {
        let device = WorkspaceDevice(byteCount: 1024)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([Float](repeating: 0.01, count: 256), [16, 16], in: context)
        let y = x.matmul(x).matmul(x).matmul(x).matmul(x)
        // Three values of 1 KiB and four workspaces: never more than three of them at once.
        let dump = try context.planDump(of: y.handle)
        #expect(dump.contains("arena 3072,"))
        #expect(dump.contains("the last is a workspace of 1024 bytes"))
        _ = try y.floats()
        #expect(device.places.withLock { $0.count } == 4)
    }

    @Test func launchesCountDispatches() throws {
        let device = WorkspaceDevice(byteCount: 100, dispatchCount: 3)
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2, 3, 4], [2, 2], in: context)
        #expect(try x.matmul(x).matmul(x).floats() == [37, 54, 81, 118])
        #expect(context.statistics.launches == 6)
    }

    @Test func theCatalogueBindsAWorkspaceAndSeesWhatIsWrittenBesideIt() {
        let cases = ConformanceCatalogue.cases(for: ReferenceDevice().description).filter { $0.name.contains("matmul") }
        let row = cases[0]
        #expect(ConformanceSuite().run(row, on: WorkspaceDevice(byteCount: 100)).passed)
        let failure = ConformanceSuite().run(row, on: WorkspaceDevice(byteCount: 100, overrun: 1)).failure
        #expect(failure == "a byte beside the workspace was overwritten")
    }
}
