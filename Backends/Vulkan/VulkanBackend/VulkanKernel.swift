import CVulkan
import DeviceSupport
import KernelIR
import SPIRV
import Shaders
import Synchronization
import TensorRuntime

typealias VulkanKernel = ShaderKernel<VulkanDispatch>

/// One dispatch: a pipeline, its grid, and where what it is bound to comes from.
final class VulkanDispatch: ShaderDispatch {
    /// What a launch touches of a buffer.
    struct Buffer: Sendable {
        /// Bytes from the kernel's element on in which the operand begins; the lower bound may be negative. An operand of packed
        /// elements begins anywhere in that word.
        let bytes: Range<Int>
        let isWritten: Bool
        /// Bytes of one of the kernel's elements.
        let elementByteCount: Int
        /// Whether it is reached by its address.
        let isFar: Bool
    }

    /// Where a number that each launch is given lies in the parameter block, and how long it is.
    typealias Parameter = SPIRVModule.Parameter

    let program: VulkanPrograms.Program
    let handle: VulkanProgramHandle
    let binding: LaunchBinding
    let buffers: [Buffer]
    let workgroups: SIMD3<UInt32>
    /// Whether it is a part of the launch of which the dispatch before it is one too.
    let isFurtherPiece: Bool
    let serial: UInt64
    /// The places of what ``VulkanWork`` collects for a launch: the buffers' offsets, then the varying arguments.
    let varying: [Parameter]
    let constants: [(place: Parameter, bits: UInt64)]
    let parameterByteCount: Int
    /// Nanoseconds that it takes: at first as if it went through its memory once at 4 GB/s.
    var estimate: Int {
        get { nanoseconds.load(ordering: .relaxed) }
        set { nanoseconds.store(max(newValue, 1), ordering: .relaxed) }
    }
    private let nanoseconds: Atomic<Int>
    /// Whether it was seen to end.
    var hasRun: Bool {
        get { ended.load(ordering: .relaxed) }
        set { ended.store(newValue, ordering: .relaxed) }
    }
    private let ended = Atomic(false)
    var name: String { program.signature.name }
    var listing: String? {
        if isFurtherPiece { return nil }
        return SPIRVDisassembler.text(program.text.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) })
    }

    private static let serials = Atomic<UInt64>(0)

    init(
        _ launch: ShaderLaunch, of plan: ShaderPlan, spec: KernelSpec, program: VulkanPrograms.Program,
        handle: VulkanProgramHandle, isFurtherPiece: Bool, target: SPIRVTarget
    ) throws(TensorError) {
        self.program = program
        self.handle = handle
        self.isFurtherPiece = isFurtherPiece
        let binding = try LaunchBinding(launch, of: program.source, as: program.form, spec: spec)
        self.binding = binding
        workgroups = SIMD3(truncatingIfNeeded: launch.workgroups)
        serial = VulkanDispatch.serials.add(1, ordering: .relaxed).newValue
        buffers = program.signature.buffers.enumerated().map { number, buffer in
            let reach = launch.reach(of: binding.source(ofBuffer: number), in: plan, of: spec)
            let rest = max(buffer.element.byteCount - program.source.buffers[number].element.byteCount, 0)
            return Buffer(
                bytes: reach.lowerBound..<reach.upperBound + (reach.isEmpty ? 0 : rest),
                isWritten: buffer.access != .read, elementByteCount: buffer.element.byteCount, isFar: buffer.isFar)
        }
        nanoseconds = Atomic(max(buffers.reduce(0) { $0 + $1.bytes.count } / 4, 1))
        // The emitter lays the block out by the kernel's parameters alone.
        let module = try SPIRVEmitter.module(of: program.signature, target: target)
        varying = module.offsets + binding.varying.map { module.arguments[$0.argument] }
        constants = binding.constants.map { (module.arguments[$0.argument], $0.bits) }
        parameterByteCount = module.parameterByteCount
    }
}
