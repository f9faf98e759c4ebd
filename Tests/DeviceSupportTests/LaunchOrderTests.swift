import DeviceSupport
import TensorRuntime
import Testing

@Suite struct LaunchOrderTests {
    private typealias Access = LaunchOrder.Access

    /// Whether each launch waits, given what it reads and writes of two buffers.
    private static func waits(_ launches: [[(buffer: UInt64, bytes: Range<Int>, isWritten: Bool)]]) -> [Bool] {
        var order = LaunchOrder()
        return launches.map { launch in
            for access in launch {
                order.touch(Access(buffer: access.buffer, bytes: access.bytes, isWritten: access.isWritten))
            }
            return order.launch()
        }
    }

    @Test func onlyWhatDependsWaits() {
        // Readers beside each other, and writers of other bytes or another buffer.
        #expect(
            Self.waits([[(1, 0..<8, false), (2, 0..<8, true)], [(1, 0..<8, false), (2, 8..<16, true)]])
                == [false, false])
        #expect(Self.waits([[(1, 0..<8, true)], [(1, 7..<8, false)]]) == [false, true])
        #expect(Self.waits([[(1, 0..<8, false)], [(1, 7..<9, true)]]) == [false, true])
        #expect(Self.waits([[(1, 0..<8, true)], [(1, 0..<8, true)]]) == [false, true])
        #expect(Self.waits([[(1, 0..<8, true)], [(2, 0..<8, false)]]) == [false, false])
    }

    /// What came before a launch that waited is done: only what that one touches counts from then on.
    @Test func aWaitIsForAllBefore() {
        #expect(
            Self.waits([
                [(1, 0..<8, true)], [(1, 0..<8, false), (2, 0..<8, true)], [(1, 0..<8, false)], [(2, 0..<8, false)],
            ])
                == [false, true, false, true])
    }

    /// The first has nothing to wait for, and pieces of one launch may run side by side.
    @Test func thatALaunchWaitsCanBeSaid() {
        var order = LaunchOrder()
        let waits = [true, true, false].map { order.launch(mustWait: $0) }
        #expect(waits == [false, true, false])
        order.removeAll()
        let first = order.launch(mustWait: true)
        #expect(!first)
    }
}

@Suite struct DriverProbeTests {
    private struct Listed: ListedDevice {
        let description = DeviceDescription(
            id: DeviceID(backend: "sample"), name: "sample", kind: .cpu, driver: "none", memory: 1, dtypes: [],
            families: [])
    }

    @Test func aDeviceIsFoundByItsIndexAndElseTheReasonsAreSaid() throws {
        let cache = ProgramCache(directory: nil, backend: "sample")
        let probe = DriverProbe("loader", [Listed()], notes: ["one is broken"], cache: cache)
        #expect(probe.report.devices.count == 1 && probe.report.notes == ["one is broken"])
        #expect(try probe.device(0, of: "sample").library == "loader")
        let error = #expect(throws: TensorError.self) { try probe.device(1, of: "sample") }
        #expect(error == TensorError(.deviceUnavailable, "device sample:1 is not there: one is broken"))
        let nothing = DriverProbe<String, Listed>(nothing: [])
        let second = #expect(throws: TensorError.self) { try nothing.device(0, of: "sample") }
        #expect(second == TensorError(.deviceUnavailable, "device sample:0 is not there"))
        #expect(nothing.loader == nil)
    }

    @Test func aCacheThatCannotBeWrittenIsOneNoteMore() {
        let cache = ProgramCache(directory: "/proc/nothing", backend: "sample")
        #expect(DriverProbe("loader", [Listed()], notes: [], cache: cache).report.notes == [cache.complaint])
        #expect(DriverProbe<String, Listed>("loader", [], notes: [], cache: cache).report.notes.isEmpty)
    }

    @Test func aValueIsMadeOnce() {
        let once = Once<Int>()
        #expect([1, 2].map { number in once.get { number } } == [1, 1])
    }
}
