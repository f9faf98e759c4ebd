import TensorConformance
import TensorRuntime

/// The reference device with kernels that say they are others than were asked for: a planner's mistake, for the verifier,
/// before which none of them runs.
final class MistakenDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: immutable.

    private let mistake: @Sendable (any KernelBody) -> any KernelBody

    init(_ mistake: @escaping @Sendable (any KernelBody) -> any KernelBody) {
        self.mistake = mistake
        super.init(ReferenceDevice())
    }

    override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        MistakenKernel(try inner.makeKernel(spec), spec: KernelSpec(mistake(spec.body)))
    }
}

private final class MistakenKernel: ForwardingKernel, @unchecked Sendable {
    // Safety: immutable.

    private let other: KernelSpec
    override var spec: KernelSpec { other }

    init(_ inner: any DeviceKernel, spec: KernelSpec) {
        other = spec
        super.init(inner)
    }
}
