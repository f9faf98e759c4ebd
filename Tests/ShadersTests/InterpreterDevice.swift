import KernelIR
import Shaders
import TensorConformance
import TensorRuntime

/// A device that runs the kernel library on ``KernelInterpreter``: what the library does on a device, checked at each
/// access, without a driver.
final class InterpreterDevice: Device {
    let description: DeviceDescription
    let library: ShaderLibrary
    /// Chooses a specification's schedule; nil takes the library's own.
    private let chooseSchedule: @Sendable (KernelSpec) -> String?
    private let subgroupSize: Int
    private let fusesMultiplyAdd: Bool
    private let quotients: Quotients
    /// The kernels by key, each made fit for the target once.
    private let programs = Lock<[ShaderKey: InterpreterProgram]>([:])
    private let schedules = Lock<Set<String>>([])

    /// How quotients and square roots are rounded: rightly, as badly as Vulkan allows, or put right from that.
    enum Quotients { case exact, loose, expanded }

    init(
        _ target: ShaderTarget, subgroupSize: Int = 8, fusesMultiplyAdd: Bool = true, quotients: Quotients = .exact,
        schedule: @escaping @Sendable (KernelSpec) -> String? = { _ in nil }
    ) {
        self.subgroupSize = subgroupSize
        self.fusesMultiplyAdd = fusesMultiplyAdd
        self.quotients = quotients
        let hasDouble = target.features.contains(.float64)
        description = DeviceDescription(
            id: DeviceID(backend: "interpreter"), name: "KernelIR interpreter, \(target.deviceClass.rawValue)",
            kind: target.deviceClass == .gpu ? .discreteGPU : .cpu, driver: "KernelIR", memory: 1 << 32,
            dtypes: Set(DType.allCases.filter { hasDouble || $0 != .float64 }),
            families: Set(ConformanceCatalogue.families), alignment: 64)
        var target = target
        target.dividesExactly = quotients != .expanded
        library = ShaderLibrary(target: target)
        chooseSchedule = schedule
    }

    /// The schedules of the kernels so far, as `family/schedule`.
    var schedulesRun: Set<String> { schedules.withLock { $0 } }

    /// The number of different programs so far.
    var programCount: Int { programs.withLock { $0.count } }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { InterpreterMemory(byteCount: byteCount) }

    func unsupportedReason(_ spec: KernelSpec) -> String? {
        do {
            _ = try library.plan(spec, schedule: chooseSchedule(spec))
            return nil
        } catch { return error.kind == .unsupported ? error.message : nil }
    }

    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        let schedule = chooseSchedule(spec) ?? library.schedules(for: spec)[0]
        let plan = try library.plan(spec, schedule: schedule)
        schedules.withLock { _ = $0.insert("\(spec.family)/\(schedule)") }
        var programs: [InterpreterProgram] = []
        for launch in plan.launches { programs.append(try program(launch)) }
        return InterpreterKernel(spec: spec, plan: plan, programs: programs)
    }

    func makeStream() throws(TensorError) -> any DeviceStream { InterpreterStream() }

    /// The program of a launch's key. Each launch builds its kernel, so that two that differ under one key are found.
    private func program(_ launch: ShaderLaunch) throws(TensorError) -> InterpreterProgram {
        let kernel = launch.build()
        return try programs.withLock { (programs) throws(TensorError) in
            if let known = programs[launch.key] {
                if known.original == kernel { return known }
                throw TensorError(
                    .deviceFailure,
                    "two kernels of one key \(launch.key):\n\(known.original)\n--- and ---\n\(kernel)")
            }
            let legal = try launch.kernel(for: library.target)
            do throws(KernelError) {
                let program = InterpreterProgram(
                    original: kernel, legal: legal,
                    interpreter: try KernelInterpreter(
                        legal.kernel, subgroupSize: subgroupSize, fusesMultiplyAdd: fusesMultiplyAdd,
                        dividesExactly: quotients == .exact))
                programs[launch.key] = program
                return program
            } catch { throw TensorError(.deviceFailure, error.description) }
        }
    }
}

/// A kernel of the library, the form of it that the target can run, and that form's program.
private struct InterpreterProgram: Sendable {
    let original: Kernel
    let legal: LegalizedKernel
    let interpreter: KernelInterpreter
}

extension ShaderTarget {
    /// A device of one class with everything that the library may use but subgroups.
    static func common(_ deviceClass: DeviceClass) -> ShaderTarget {
        ShaderTarget(
            deviceClass: deviceClass, computeUnits: deviceClass == .gpu ? 16 : 2,
            vectorWidth: deviceClass == .gpu ? 4 : 8, features: .float64)
    }

    /// The same class without what the poorest of devices lack: 8-, 16- and 64-bit types, vectors of more than 4 lanes.
    static func poor(_ deviceClass: DeviceClass) -> ShaderTarget {
        var target = common(deviceClass)
        target.features = []
        target.maximumVectorLanes = 4
        target.has8BitStorage = false
        target.has16BitStorage = false
        target.hasInt64 = false
        target.hasInt8Arithmetic = false
        target.hasInt16Arithmetic = false
        target.subgroupSize = 4
        return target
    }

    /// A processor that computes workgroups, in subgroups of 8.
    static var software: ShaderTarget {
        var target = common(.gpu)
        target.emulatesWorkgroups = true
        target.features.insert(.subgroups)
        target.subgroupSize = 8
        return target
    }

    /// A processor with vectors of 16 floats.
    static var wide: ShaderTarget {
        var target = common(.cpu)
        target.vectorWidth = 16
        return target
    }
}

/// Memory of the host.
private final class InterpreterMemory: DeviceBuffer {
    let byteCount: Int
    // Safety: allocated once and freed in deinit; the contract gives one stream at a time the contents.
    nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        self.byteCount = byteCount
        // Whole words, as kernels may see the memory as words.
        bytes = .allocate(byteCount: (byteCount + 3) & ~3, alignment: 64)
    }

    deinit { bytes.deallocate() }
}

private final class InterpreterKernel: DeviceKernel {
    let spec: KernelSpec
    let plan: ShaderPlan
    let programs: [InterpreterProgram]
    let bounds: [Range<Int>]

    init(spec: KernelSpec, plan: ShaderPlan, programs: [InterpreterProgram]) {
        self.spec = spec
        self.plan = plan
        self.programs = programs
        bounds = OperandBounds.of(spec)
    }

    var workspaceByteCount: Int { plan.workspaceByteCount }
    var dispatchCount: Int { plan.launches.count }
}

/// Runs each kernel when it is encoded.
private final class InterpreterStream: DeviceStream {
    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? InterpreterKernel else {
            throw TensorError(.invalidArgument, "interpreter: a kernel of another device")
        }
        // What the first launches write to the workspace, the later ones may read.
        let flagCount = kernel.workspaceByteCount == 0 ? 0 : bindings[bindings.count - 1].buffer!.byteCount
        let written = UnsafeMutablePointer<Bool>.allocate(capacity: flagCount)
        written.initialize(repeating: false, count: flagCount)
        defer { written.deallocate() }
        for (launch, program) in zip(kernel.plan.launches, kernel.programs) {
            let original = program.original
            var buffers: [InterpreterBuffer] = []
            for parameter in original.buffers {
                buffers.append(
                    try buffer(parameter, launch: launch, kernel: kernel, bindings: bindings, written: written))
            }
            var arguments: [UInt64] = []
            for parameter in original.arguments {
                arguments.append(
                    try bits(parameter, launch: launch, spec: kernel.spec, bindings: bindings, scalars: scalars))
            }
            // Where int64 is two words, its arithmetic has loops of its own; no such device ends them.
            let hasWords =
                original.requirements.features.contains(.int64)
                && !program.legal.kernel.requirements.features.contains(.int64)
            let turns = hasWords ? nil : try turnBound(launch, original)
            do throws(KernelError) {
                try program.interpreter.launch(
                    workgroups: launch.workgroups,
                    arguments: program.legal.argumentBits(arguments, offsets: buffers.map(\.offset)),
                    buffers: buffers.enumerated().map { program.legal.buffer($0.offset, $0.element) },
                    turnLimit: turns)
            } catch {
                throw TensorError(.deviceFailure, error.description)
            }
        }
    }

    /// The bound that devices rely on whose loops end early: every row of the catalogue checks it.
    private func turnBound(_ launch: ShaderLaunch, _ kernel: Kernel) throws(TensorError) -> Int {
        if let bound = launch.turnBound(of: kernel) { return bound }
        throw TensorError(.deviceFailure, "nobody knows how often the loops of \(launch.key.schedule) turn:\n\(kernel)")
    }

    private func buffer(
        _ parameter: Kernel.Buffer, launch: ShaderLaunch, kernel: InterpreterKernel,
        bindings: UnsafeBufferPointer<BufferBinding>, written: UnsafeMutablePointer<Bool>
    ) throws(TensorError) -> InterpreterBuffer {
        let size = parameter.element.byteCount
        switch launch.buffers[parameter.name] {
        case .operand(let operand)?:
            guard let memory = bindings[operand].buffer as? InterpreterMemory else {
                throw TensorError(.deviceFailure, "\(parameter.name): operand \(operand) has no buffer")
            }
            return InterpreterBuffer(
                region: memory.bytes, offset: bindings[operand].offset, bounds: kernel.bounds[operand])
        case .workspace(let byteOffset)?:
            let binding = bindings[bindings.count - 1]
            guard kernel.workspaceByteCount > 0, let memory = binding.buffer as? InterpreterMemory else {
                throw TensorError(.deviceFailure, "\(parameter.name): there is no workspace")
            }
            if byteOffset % size != 0 {
                throw TensorError(.deviceFailure, "\(parameter.name): byte \(byteOffset) of the workspace")
            }
            let count = (kernel.workspaceByteCount - byteOffset) / size
            return InterpreterBuffer(
                region: memory.bytes, offset: (binding.offset + byteOffset) / size, bounds: 0..<count, written: written)
        case nil: throw TensorError(.deviceFailure, "nothing is bound to \(parameter.name)")
        }
    }

    private func bits(
        _ parameter: Kernel.Argument, launch: ShaderLaunch, spec: KernelSpec,
        bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) -> UInt64 {
        func integer(_ value: Int) throws(TensorError) -> UInt64 {
            if parameter.scalar == .int32 && Int32(exactly: value) == nil {
                throw TensorError(.deviceFailure, "\(parameter.name): \(value) is no int32")
            }
            return parameter.scalar.argumentBits(value)
        }
        switch launch.arguments[parameter.name] {
        case .integer(let value)?: return try integer(value)
        case .offset(let operand)?: return try integer(bindings[operand].offset)
        case .scalar(let slot)?:
            return parameter.scalar.argumentBits(slot: scalars[slot], as: spec.body.scalarTypes[slot])
        case nil: throw TensorError(.deviceFailure, "nothing is given to \(parameter.name)")
        }
    }

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        guard let memory = destination as? InterpreterMemory, offset + source.count <= memory.byteCount else {
            throw TensorError(.invalidArgument, "interpreter: copy of \(source.count) bytes to \(offset) does not fit")
        }
        UnsafeMutableRawBufferPointer(rebasing: memory.bytes[offset...]).copyMemory(from: source)
    }

    func copyOut(
        from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        guard let memory = source as? InterpreterMemory, offset + destination.count <= memory.byteCount else {
            throw TensorError(
                .invalidArgument, "interpreter: copy of \(destination.count) bytes from \(offset) does not fit")
        }
        destination.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: memory.bytes[offset..<offset + destination.count]))
    }

    func synchronize() throws(TensorError) {}
    func record() throws(TensorError) -> any DeviceEvent { CompletedEvent() }
    func wait(for event: any DeviceEvent) throws(TensorError) {}
}

private final class CompletedEvent: DeviceEvent {
    var isComplete: Bool { true }
    func synchronize() throws(TensorError) {}
}
