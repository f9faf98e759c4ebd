import Needletail
import TensorRuntime
import Testing

/// The tuner on a device with a right schedule, a wrong one and one that it cannot run.
@Suite struct TunerTests {
    @Test func wrongSchedulesAreRejectedAndNothingElseIsKept() throws {
        BackendRegistry.shared.register(TunableBackend())
        let id = DeviceID(backend: "tunable")
        let access = FusedKernel.Access(strides: [1])
        let program = FusedProgram(
            inputs: [.float32],
            steps: [.init(.load(input: 0), dtype: .float32), .init(.pointwise(.negate), [.value(0)], dtype: .float32)],
            outputs: [.init(value: 1)])
        let spec = KernelSpec(
            FusedKernel(program: program, extents: [100], outerRank: 1, inputs: [access], outputs: [access]))
        var outcomes: [Tuner.Outcome] = []
        let file = try Tuner(id).tune([spec, spec]) { outcomes.append($0) }
        #expect(file == "wrong,refused,right -> right")
        let outcome = try #require(outcomes.first)
        #expect(outcomes.count == 1, "a kernel is measured once")
        #expect(outcome.measurements.map(\.schedule) == ["wrong", "refused", "right"])
        #expect(outcome.measurements[0].complaint?.hasPrefix("wrong") == true)
        #expect(outcome.measurements[1].complaint == "not this one")
        #expect(outcome.measurements[0].microseconds == nil && outcome.measurements[1].microseconds == nil)
        #expect(outcome.best?.schedule == "right")
    }
}

private final class TunableBackend: Backend {
    let name = "tunable"
    let priority = 0

    func probe() -> ProbeReport {
        var description = DeviceDescription(
            id: DeviceID(backend: name), name: "tunable", kind: .software, driver: "test", memory: 1 << 30, dtypes: [],
            families: [.fused])
        description.dtypes = Set(DType.allCases)
        return ProbeReport(devices: [description])
    }

    func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        SeveralSchedules(try deviceContext(.cpu).device)
    }
}

/// The CPU, as if its kernels had schedules. The wrong one copies.
private final class SeveralSchedules: ForwardingDevice, TunableDevice, @unchecked Sendable {
    // Safety: nothing of its own.

    func schedules(for spec: KernelSpec) -> [String] { ["wrong", "refused", "right"] }

    func makeKernel(_ spec: KernelSpec, schedule: String) throws(TensorError) -> any DeviceKernel {
        if schedule == "refused" { throw TensorError(.unsupported, "not this one") }
        guard schedule == "wrong", var body = spec.body as? FusedKernel else { return try inner.makeKernel(spec) }
        body.program = .copy(from: .float32, to: .float32)
        return try inner.makeKernel(KernelSpec(body))
    }

    func adopt(_ choices: [(spec: KernelSpec, schedule: String)]) throws(TensorError) -> String {
        choices.map { "\(schedules(for: $0.spec).joined(separator: ",")) -> \($0.schedule)" }.joined(separator: "; ")
    }
}
