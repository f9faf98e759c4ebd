import COpenCL
import DeviceSupport
import KernelIR
import TensorRuntime

typealias OpenCLPrograms = DevicePrograms<OpenCLProgramDriver>

/// A program in the driver's hands.
final class OpenCLProgramHandle: @unchecked Sendable {
    // Safety: the handle never changes, and drivers are safe for threads.

    let program: cl_program
    private let library: OpenCLLibrary

    init(_ program: cl_program, library: OpenCLLibrary) {
        self.program = program
        self.library = library
    }

    deinit { _ = nt_clReleaseProgram(library.pointer, program) }
}

/// OpenCL C, and the driver's compiler for it.
struct OpenCLProgramDriver: ProgramDriver, @unchecked Sendable {
    // Safety: the context never changes, and drivers are safe for threads.

    let info: OpenCLDeviceInfo
    let library: OpenCLLibrary
    let context: cl_context
    /// Whether only one queue may have launches in flight: see ``OpenCLTurns``.
    let takesTurns: Bool

    var identity: String { "\(info.identity)\n\(info.buildOptions)" }

    func emit(_ kernel: Kernel) throws(TensorError) -> [UInt8] { Array(OpenCLPrinter.source(of: kernel).utf8) }

    /// PoCL compiles at the first launch, once for small grids and once for those with more than 65535 workgroups along
    /// an axis.
    func variant(workgroups: SIMD3<Int>) -> UInt8 { workgroups.max() > 65535 ? 2 : 1 }

    // MARK: Building

    func compile(_ text: [UInt8], _ signature: Kernel) throws(ProgramFailure) -> OpenCLProgramHandle {
        var status: cl_int = 0
        let made = text.withUnsafeBytes { bytes in
            var line = bytes.bindMemory(to: CChar.self).baseAddress
            var length = bytes.count
            return nt_clCreateProgramWithSource(library.pointer, context, 1, &line, &length, &status)
        }
        guard let made else { throw ProgramFailure(reason: OpenCLStatus.name(status)) }
        let handle = OpenCLProgramHandle(made, library: library)
        status = build(made)
        if status == CL_SUCCESS { return handle }
        throw ProgramFailure(reason: OpenCLStatus.name(status), log: log(of: made))
    }

    func load(_ binary: [UInt8], _ text: [UInt8], _ signature: Kernel) -> OpenCLProgramHandle? {
        var device: cl_device_id? = info.device
        return binary.withUnsafeBufferPointer { bytes in
            var length = bytes.count
            var pointer = bytes.baseAddress
            var binaryStatus: cl_int = 0
            var status: cl_int = 0
            let made = nt_clCreateProgramWithBinary(
                library.pointer, context, 1, &device, &length, &pointer, &binaryStatus, &status)
            guard let made else { return nil }
            let handle = OpenCLProgramHandle(made, library: library)
            return binaryStatus == CL_SUCCESS && build(made) == CL_SUCCESS ? handle : nil
        }
    }

    private func build(_ program: cl_program) -> cl_int {
        var device: cl_device_id? = info.device
        return nt_clBuildProgram(library.pointer, program, 1, &device, info.buildOptions, nil, nil)
    }

    private func log(of program: cl_program) -> String {
        let bytes = library.bytes {
            nt_clGetProgramBuildInfo(
                library.pointer, program, info.device, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
        }
        return String(decoding: bytes?.prefix { $0 != 0 } ?? [], as: UTF8.self)
    }

    // MARK: Keeping

    func binary(of handle: OpenCLProgramHandle) -> [UInt8]? {
        takesTurns ? OpenCLTurns.pocl.alone { readBinary(of: handle) } : readBinary(of: handle)
    }

    private func readBinary(of handle: OpenCLProgramHandle) -> [UInt8]? {
        var count = 0
        let size = MemoryLayout<Int>.size
        guard
            nt_clGetProgramInfo(
                library.pointer, handle.program, cl_program_info(CL_PROGRAM_BINARY_SIZES), size, &count, nil)
                == CL_SUCCESS,
            (1...OpenCLQuery.maximumByteCount).contains(count)
        else { return nil }
        var result = [UInt8](repeating: 0, count: count)
        let status = result.withUnsafeMutableBufferPointer { bytes in
            var pointer = bytes.baseAddress
            return nt_clGetProgramInfo(
                library.pointer, handle.program, cl_program_info(CL_PROGRAM_BINARIES), size, &pointer, nil)
        }
        return status == CL_SUCCESS ? result : nil
    }
}
