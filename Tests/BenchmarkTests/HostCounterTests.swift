import Needletail
import NeedletailBench
import TensorRuntime
import Testing

/// What a step costs the host, in numbers that no neighbour disturbs: a change that makes more of them is seen here.
///
/// Each on an instance of the device of its own, whose counts are nobody else's.
@Suite struct HostCounterTests {
    @Test(arguments: [
        (HostWork.step, 61.0, 10.0, 0.0), (.captured, 0, 10, 0), (.lookup, 2, 1, 0),
    ])
    func countsStayWithinTheirBudgets(_ work: HostWork, _ nodes: Double, _ launches: Double, _ plans: Double) throws {
        let counters = try withDevice(.cpu, RuntimeConfiguration()) { try work.counters(count: 20) }
        #expect(counters.nodes <= nodes && counters.launches <= launches && counters.plans <= plans, "\(counters)")
        // And none does nothing.
        #expect(counters.launches >= 1)
    }

    @Test func aNewTraceIsPlannedOnce() throws {
        let counters = try withDevice(.cpu, RuntimeConfiguration()) { try HostWork.planning.counters(count: 20) }
        #expect(counters.plans == 1 && counters.launches >= 1)
    }
}
