import COpenCL
import KernelIR
import Shaders
import Synchronization
import TensorRuntime

/// One program: its text, and once it is built the driver's object.
final class OpenCLProgram: @unchecked Sendable {
    // Safety: `handle`, `stored` and `isAnnounced` are touched only under the lock of the `OpenCLPrograms` that made it.

    /// Drivers that compile at the first launch compile once for small grids and once for large ones (PoCL: more than
    /// 65535 workgroups along an axis), so a stored program is complete only for those that were launched before.
    static func variant(workgroups: SIMD3<Int>) -> UInt8 { workgroups.max() > 65535 ? 2 : 1 }

    /// The kernel without its body.
    let signature: Kernel
    let source: String
    /// All that the compiled program depends on.
    let key: String
    fileprivate var handle: cl_program?
    fileprivate var stored: ProgramCache.Entry?
    fileprivate var isAnnounced = false
    /// Variants that kernels launch and no file holds.
    let unstored = Atomic<UInt8>(0)
    private let library: OpenCLLibrary

    fileprivate init(_ kernel: Kernel, identity: String, library: OpenCLLibrary) {
        var signature = kernel
        signature.body = []
        signature.types = []
        self.signature = signature
        source = OpenCLPrinter.source(of: kernel)
        key = identity + "\n" + source
        self.library = library
    }

    deinit { if let handle { _ = nt_clReleaseProgram(library.pointer, handle) } }
}

/// The programs of one device: built once a process, and kept on disk.
final class OpenCLPrograms: Sendable {
    private struct State {
        var programs: [ShaderKey: OpenCLProgram] = [:]
        var counts = OpenCLDevice.ProgramCounts()
    }

    let cache: ProgramCache
    private let library: OpenCLLibrary
    private let info: OpenCLDeviceInfo
    private nonisolated(unsafe) let context: cl_context
    private let notice: (@Sendable (String) -> Void)?
    private let state = Mutex(State())

    init(
        _ info: OpenCLDeviceInfo, context: cl_context, library: OpenCLLibrary, configuration: RuntimeConfiguration
    ) {
        self.info = info
        self.context = context
        self.library = library
        cache = ProgramCache(directory: configuration.cacheDirectory)
        notice = configuration.notice
    }

    var counts: OpenCLDevice.ProgramCounts { state.withLock { $0.counts } }

    /// Says how many of the launches' programs must be compiled, if any.
    func announce(_ launches: [ShaderLaunch]) {
        // What is wrong with a launch is said when it is made.
        state.withLock { state in announce(launches.compactMap { try? program(for: $0, &state) }) }
    }

    /// The launch's program and its driver's object.
    func make(_ launch: ShaderLaunch) throws(TensorError) -> (program: OpenCLProgram, handle: cl_program) {
        try state.withLock { (state) throws(TensorError) in
            let program = try program(for: launch, &state)
            announce([program])
            let handle = try built(program, &state)
            let variant = OpenCLProgram.variant(workgroups: launch.workgroups)
            if cache.complaint == nil && (program.stored?.variants ?? 0) & variant == 0 {
                program.unstored.bitwiseOr(variant, ordering: .relaxed)
            }
            return (program, handle)
        }
    }

    private func announce(_ programs: [OpenCLProgram]) {
        var count = 0
        for program in programs where program.handle == nil && program.stored == nil && !program.isAnnounced {
            program.isAnnounced = true
            count += 1
        }
        guard count > 0, let notice else { return }
        let kept = cache.complaint == nil ? ", cached for next time" : ""
        notice("compiling \(count) \(count == 1 ? "kernel" : "kernels") for \(info.description.name)\(kept)")
    }

    private func program(for launch: ShaderLaunch, _ state: inout State) throws(TensorError) -> OpenCLProgram {
        if let known = state.programs[launch.key] { return known }
        let kernel = launch.build()
        try check(kernel)
        let identity = info.identity + "\n" + info.buildOptions
        let program = OpenCLProgram(kernel, identity: identity, library: library)
        program.stored = cache.load(program.key)
        state.programs[launch.key] = program
        return program
    }

    /// Fails where the device cannot run a kernel, or the kernel is wrong.
    private func check(_ kernel: Kernel) throws(TensorError) {
        do {
            try kernel.validate()
        } catch {
            throw TensorError(.deviceFailure, "\(info.description.id): \(error)")
        }
        let threads = (0..<3).reduce(1) { $0 * kernel.workgroupSize[$1] }
        let parameters = kernel.buffers.count * 16 + kernel.arguments.reduce(0) { $0 + $1.scalar.byteCount }
        guard parameters <= info.parameterByteCount else {
            throw TensorError(
                .unsupported,
                "\(info.description.id): kernel \(kernel.name) has \(parameters) bytes of arguments, and "
                    + "\(info.description.name) takes \(info.parameterByteCount)")
        }
        guard kernel.requirements.isSubset(of: info.features), threads <= info.maximumWorkgroupSize,
            kernel.sharedByteCount <= info.sharedByteCount
        else {
            throw TensorError(
                .unsupported,
                "\(info.description.id): kernel \(kernel.name) wants workgroups of \(threads) and \(kernel.sharedByteCount) "
                    + "shared bytes, of at most \(info.maximumWorkgroupSize) and \(info.sharedByteCount), or features that "
                    + "\(info.description.name) lacks")
        }
    }

    // MARK: Building

    private func built(_ program: OpenCLProgram, _ state: inout State) throws(TensorError) -> cl_program {
        if let handle = program.handle { return handle }
        if let stored = program.stored {
            if let handle = load(stored.binary) {
                program.handle = handle
                // What is in the driver's hands is not needed a second time; which variants it has is.
                program.stored = ProgramCache.Entry(binary: [], variants: stored.variants)
                state.counts.loaded += 1
                return handle
            }
            program.stored = nil
            announce([program])
        }
        let handle = try compile(program)
        program.handle = handle
        state.counts.compiled += 1
        return handle
    }

    /// A program from its stored form; nil where the driver does not take it.
    private func load(_ binary: [UInt8]) -> cl_program? {
        var device: cl_device_id? = info.device
        return binary.withUnsafeBufferPointer { bytes in
            var length = bytes.count
            var pointer = bytes.baseAddress
            var binaryStatus: cl_int = 0
            var status: cl_int = 0
            let made = nt_clCreateProgramWithBinary(
                library.pointer, context, 1, &device, &length, &pointer, &binaryStatus, &status)
            guard let made else { return nil }
            if binaryStatus == CL_SUCCESS, build(made) == CL_SUCCESS { return made }
            _ = nt_clReleaseProgram(library.pointer, made)
            return nil
        }
    }

    private func compile(_ program: OpenCLProgram) throws(TensorError) -> cl_program {
        var status: cl_int = 0
        let made = program.source.withCString { text in
            var line: UnsafePointer<CChar>? = text
            return nt_clCreateProgramWithSource(library.pointer, context, 1, &line, nil, &status)
        }
        guard let made else { throw failure(program, status, log: "") }
        status = build(made)
        if status == CL_SUCCESS { return made }
        let log = log(of: made)
        _ = nt_clReleaseProgram(library.pointer, made)
        throw failure(program, status, log: log)
    }

    private func build(_ handle: cl_program) -> cl_int {
        var device: cl_device_id? = info.device
        return nt_clBuildProgram(library.pointer, handle, 1, &device, info.buildOptions, nil, nil)
    }

    private func log(of handle: cl_program) -> String {
        let bytes = library.bytes {
            nt_clGetProgramBuildInfo(
                library.pointer, handle, info.device, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
        }
        return String(decoding: bytes?.prefix { $0 != 0 } ?? [], as: UTF8.self)
    }

    private func failure(_ program: OpenCLProgram, _ status: cl_int, log: String) -> TensorError {
        let name = program.signature.name
        let whole =
            "\(info.identity)\n\(info.buildOptions)\n\(OpenCLStatus.name(status))\n\n\(log)\n\n\(program.source)"
        let place = cache.storeFailure(whole, key: program.key).map { "; source and log are in \($0)" } ?? ""
        let start = log.split(separator: "\n").prefix(4).joined(separator: "\n")
        return TensorError(
            .deviceFailure,
            "\(info.description.id): \(info.description.name) cannot build kernel \(name): \(OpenCLStatus.name(status))"
                + "\(place)\(start.isEmpty ? "" : "\n\(start)")")
    }

    // MARK: Keeping

    /// Writes what was launched and is complete to the disk. Drivers that compile at the first launch (PoCL) have machine
    /// code to give only after it.
    func store(_ launched: [(program: OpenCLProgram, variants: UInt8)]) {
        state.withLock { state in
            for (program, variants) in launched {
                guard program.unstored.load(ordering: .relaxed) & variants != 0, let handle = program.handle,
                    let binary = binary(of: handle)
                else { continue }
                let all = (program.stored?.variants ?? 0) | variants
                cache.store(program.key, ProgramCache.Entry(binary: binary, variants: all))
                program.stored = ProgramCache.Entry(binary: [], variants: all)
                program.unstored.bitwiseAnd(~variants, ordering: .relaxed)
                // Once a process, and again where one makes many programs.
                if state.counts.stored % 256 == 0 { cache.prune() }
                state.counts.stored += 1
            }
        }
    }

    private func binary(of handle: cl_program) -> [UInt8]? {
        info.takesTurns ? OpenCLTurns.pocl.alone { readBinary(of: handle) } : readBinary(of: handle)
    }

    private func readBinary(of handle: cl_program) -> [UInt8]? {
        var count = 0
        let size = MemoryLayout<Int>.size
        guard
            nt_clGetProgramInfo(
                library.pointer, handle, cl_program_info(CL_PROGRAM_BINARY_SIZES), size, &count, nil) == CL_SUCCESS,
            (1...OpenCLQuery.maximumByteCount).contains(count)
        else { return nil }
        var result = [UInt8](repeating: 0, count: count)
        let status = result.withUnsafeMutableBufferPointer { bytes in
            var pointer = bytes.baseAddress
            return nt_clGetProgramInfo(
                library.pointer, handle, cl_program_info(CL_PROGRAM_BINARIES), size, &pointer, nil)
        }
        return status == CL_SUCCESS ? result : nil
    }
}
