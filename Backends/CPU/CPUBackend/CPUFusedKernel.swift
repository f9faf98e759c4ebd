import CPUKernels
import TensorRuntime

/// The fused family: interpreted a block at a time over the whole iteration space.
final class CPUFusedKernel: CPUKernel {
    let spec: KernelSpec
    let memory: CPUMemory
    private let program: CPUFusedProgram

    var operandTypes: [DType?] { program.operandTypes }

    init(_ body: FusedKernel, device: CPUDevice) throws(TensorError) {
        spec = KernelSpec(body)
        program = try CPUFusedProgram(body, instructionSet: device.instructionSet, purpose: .wholeSpace)
        memory = CPUMemory(program.memory, threads: device.threads)
    }

    func run(_ launch: CPULaunch) {
        var workers = memory.workers(launch)
        nt_fused_run(program.pointer, launch.operands, launch.indexOffsets, launch.scalars, &workers)
    }
}
