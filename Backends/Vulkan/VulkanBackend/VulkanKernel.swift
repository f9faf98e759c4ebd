import CVulkan
import DeviceSupport
import KernelIR
import Shaders
import Synchronization
import TensorRuntime

/// A kernel for one spec: one dispatch, or several in a row.
final class VulkanKernel: DeviceKernel {
    let spec: KernelSpec
    let workspaceByteCount: Int
    let dispatches: [VulkanDispatch]
    private let launches: [ShaderLaunch]
    var dispatchCount: Int { dispatches.count }

    init(spec: KernelSpec, workspaceByteCount: Int, launches: [ShaderLaunch], dispatches: [VulkanDispatch]) {
        self.spec = spec
        self.workspaceByteCount = workspaceByteCount
        self.launches = launches
        self.dispatches = dispatches
    }

    var listing: String {
        let texts = launches.map { launch in
            let grid = (0..<3).map { String(launch.workgroups[$0]) }.joined(separator: "x")
            return "schedule \(launch.key.schedule), \(grid) workgroups\n\(launch.build())"
        }
        let programs = dispatches.filter { !$0.isFurtherPiece }.map { dispatch in
            let words = dispatch.program.text.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
            return SPIRVDisassembler.text(words)
        }
        return ([spec.listing] + zip(texts, programs).flatMap { [$0, $1] }).joined(separator: "\n")
    }
}

/// One dispatch: a pipeline, its grid, and where what it is bound to comes from.
final class VulkanDispatch: Sendable {
    /// What a launch touches of a buffer.
    struct Buffer: Sendable {
        /// Bytes from the operand's first element on; the lower bound may be negative.
        let bytes: Range<Int>
        let isWritten: Bool
        /// Bytes of one of the kernel's elements.
        let elementByteCount: Int
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
    var name: String { program.signature.name }

    private static let serials = Atomic<UInt64>(0)

    init(
        _ launch: ShaderLaunch, of plan: ShaderPlan, spec: KernelSpec, program: VulkanPrograms.Program,
        handle: VulkanProgramHandle, isFurtherPiece: Bool, info: VulkanDeviceInfo
    ) throws(TensorError) {
        self.program = program
        self.handle = handle
        self.isFurtherPiece = isFurtherPiece
        let binding = try LaunchBinding(launch, of: program.source, as: program.form, spec: spec)
        self.binding = binding
        workgroups = SIMD3(truncatingIfNeeded: launch.workgroups)
        serial = VulkanDispatch.serials.add(1, ordering: .relaxed).newValue
        let extents = spec.operandExtents
        buffers = program.signature.buffers.enumerated().map { number, buffer in
            let bytes: Range<Int>
            switch binding.source(ofBuffer: number) {
            case .workspace(let byteOffset): bytes = 0..<plan.workspaceByteCount - byteOffset
            case .operand(let operand):
                let size = extents[operand].dtype?.byteCount ?? 0
                let lowest = extents[operand].lowest * size
                bytes = lowest..<lowest + extents[operand].count * size
            }
            return Buffer(
                bytes: bytes, isWritten: buffer.access != .read, elementByteCount: buffer.element.byteCount)
        }
        let reach = buffers.map { $0.bytes.count + info.offsetAlignment + 4 }.max() ?? 0
        guard reach <= info.maximumRange else {
            throw TensorError(
                .unsupported,
                "\(info.description.id): kernel \(program.signature.name) of \(spec) touches \(reach) bytes of one buffer, "
                    + "and \(info.description.name) binds \(info.maximumRange) at most")
        }
        // The emitter lays the block out by the kernel's parameters alone.
        let module = try SPIRVEmitter.module(of: program.signature, target: info.spirv)
        varying = module.offsets + binding.varying.map { module.arguments[$0.argument] }
        constants = binding.constants.map { (module.arguments[$0.argument], $0.bits) }
        parameterByteCount = module.parameterByteCount
    }
}

extension SPIRVModule.Parameter {
    /// Writes a number's lowest bytes into a parameter block.
    func write(_ bits: UInt64, to block: UnsafeMutableRawPointer) {
        if byteCount == 8 {
            block.storeBytes(of: bits.littleEndian, toByteOffset: byteOffset, as: UInt64.self)
        } else {
            let word = UInt32(truncatingIfNeeded: bits).littleEndian
            block.storeBytes(of: word, toByteOffset: byteOffset, as: UInt32.self)
        }
    }
}
