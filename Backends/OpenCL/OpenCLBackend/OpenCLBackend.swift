import COpenCL
import DeviceSupport
import TensorRuntime

/// Every device that an OpenCL loader knows. The loader is opened at run time: where there is none, the backend has no
/// devices and says so.
public final class OpenCLBackend: Backend {
    public let name = "opencl"
    public let priority = 100

    /// What only tests ask for.
    package struct Options: Sendable {
        /// Whether a device computes something that is known before it is given out.
        package var testsDevices = true

        package init() {}
    }

    private struct Probed {
        let library: OpenCLLibrary?
        let devices: [OpenCLDeviceInfo]
        let report: ProbeReport
    }

    /// Nil: the process's configuration when the backend is first asked.
    private let configuration: RuntimeConfiguration?
    private let options: Options
    private let probed = Lock<Probed?>(nil)

    public convenience init(configuration: RuntimeConfiguration? = nil) {
        self.init(configuration: configuration, options: Options())
    }

    package init(configuration: RuntimeConfiguration?, options: Options) {
        self.configuration = configuration
        self.options = options
    }

    public func probe() -> ProbeReport { probeOnce().report }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        try openDevice(index: index, configuration: configuration)
    }

    package func openDevice(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> OpenCLDevice {
        let probed = probeOnce()
        guard let library = probed.library, probed.devices.indices.contains(index) else {
            let why = probed.report.notes.joined(separator: "; ")
            throw TensorError(
                .deviceUnavailable, "device opencl:\(index) is not there" + (why.isEmpty ? "" : ": \(why)"))
        }
        let info = probed.devices[index]
        let device = try OpenCLDevice(info, library: library, configuration: configuration)
        if options.testsDevices {
            try DeviceSelfTest(
                identity: "opencl\n\(info.identity)\n\(info.buildOptions)",
                scheduleClass: configuration.openCLScheduleClass, configuration: configuration
            ).run(on: device)
        }
        return device
    }

    /// The loader that was opened, for tests that count its calls or make them fail.
    package var calls: OpenCLCalls? { probeOnce().library.map(OpenCLCalls.init) }

    private func probeOnce() -> Probed {
        probed.withLock { probed in
            if let probed { return probed }
            let made = OpenCLBackend.probing.withLock { _ in OpenCLBackend.probe(configuration ?? .current) }
            probed = made
            return made
        }
    }

    // MARK: Probing

    /// One probe at a time in a process: PoCL lists its devices to a second thread before it has described them.
    private static let probing = Lock(())

    private static func probe(_ configuration: RuntimeConfiguration) -> Probed {
        let path = configuration.openCLLoader ?? "libOpenCL.so.1"
        if path == "none" { return nothing("switched off: NEEDLETAIL_OPENCL is none") }
        let library: OpenCLLibrary
        do {
            library = try OpenCLLibrary(path: path)
        } catch {
            return nothing("no OpenCL loader: \(error.reason); install ocl-icd-libopencl1 or set NEEDLETAIL_OPENCL")
        }
        var found: [OpenCLDeviceInfo] = []
        var notes: [String] = []
        let platforms = platforms(library, &notes)
        for platform in platforms { addDevices(of: platform, library, &found, &notes) }
        let complaints = OpenCLVendors.complaints(location: configuration.openCLVendors)
        if platforms.isEmpty && notes.isEmpty && complaints.isEmpty {
            notes.append("a loader and no platform: install a driver, such as pocl-opencl-icd for processors")
        }
        notes += complaints
        if !found.isEmpty, configuration.cacheDirectory != nil,
            let complaint = ProgramCache(directory: configuration.cacheDirectory, backend: "opencl").complaint
        {
            notes.append(complaint)
        }
        return Probed(
            library: library, devices: found, report: ProbeReport(devices: found.map(\.description), notes: notes))
    }

    private static func nothing(_ note: String) -> Probed {
        Probed(library: nil, devices: [], report: ProbeReport(notes: [note]))
    }

    private static func platforms(_ library: OpenCLLibrary, _ notes: inout [String]) -> [cl_platform_id] {
        var count: cl_uint = 0
        let status = nt_clGetPlatformIDs(library.pointer, 0, nil, &count)
        guard status == CL_SUCCESS else {
            if status != OpenCLStatus.platformNotFound {
                notes.append("the loader lists no platforms: \(OpenCLStatus.name(status))")
            }
            return []
        }
        guard count <= OpenCLQuery.maximumCount else {
            notes.append("the loader says that there are \(count) platforms, which cannot be")
            return []
        }
        var platforms = [cl_platform_id?](repeating: nil, count: Int(count))
        guard count > 0, nt_clGetPlatformIDs(library.pointer, count, &platforms, nil) == CL_SUCCESS else { return [] }
        return platforms.compactMap { $0 }
    }

    /// Adds a platform's devices; what goes wrong with one of them leaves the others alone.
    private static func addDevices(
        of platform: cl_platform_id, _ library: OpenCLLibrary, _ found: inout [OpenCLDeviceInfo],
        _ notes: inout [String]
    ) {
        let name = library.text(ofPlatform: platform, CL_PLATFORM_NAME)
        let all = cl_device_type(CL_DEVICE_TYPE_ALL)
        var count: cl_uint = 0
        var status = nt_clGetDeviceIDs(library.pointer, platform, all, 0, nil, &count)
        guard count <= OpenCLQuery.maximumCount else {
            notes.append("platform \(name): it says that it has \(count) devices, which cannot be")
            return
        }
        var devices = [cl_device_id?](repeating: nil, count: Int(count))
        if status == CL_SUCCESS && count > 0 {
            status = nt_clGetDeviceIDs(library.pointer, platform, all, count, &devices, nil)
        }
        guard status == CL_SUCCESS, count > 0 else {
            let isEmpty = status == CL_DEVICE_NOT_FOUND || status == CL_SUCCESS
            notes.append("platform \(name): \(isEmpty ? "it has no devices" : OpenCLStatus.name(status))")
            return
        }
        for device in devices.compactMap({ $0 }) {
            do {
                found.append(
                    try OpenCLDeviceInfo(device, platform: platform, index: found.count, library: library))
            } catch {
                notes.append("platform \(name): \(error.reason)")
            }
        }
    }
}

/// What a loader was asked, for tests.
package struct OpenCLCalls: Sendable {
    package enum Call: Sendable, CaseIterable {
        case createContext, createQueue, createBuffer, createProgramWithSource, createProgramWithBinary, buildProgram
        case createKernel, setKernelArgument, launch, marker, flush, finish, waitForEvents, map, read, write

        fileprivate var number: nt_cl_call {
            switch self {
            case .createContext: NT_CL_CreateContext
            case .createQueue: NT_CL_CreateCommandQueue
            case .createBuffer: NT_CL_CreateBuffer
            case .createProgramWithSource: NT_CL_CreateProgramWithSource
            case .createProgramWithBinary: NT_CL_CreateProgramWithBinary
            case .buildProgram: NT_CL_BuildProgram
            case .createKernel: NT_CL_CreateKernel
            case .setKernelArgument: NT_CL_SetKernelArg
            case .launch: NT_CL_EnqueueNDRangeKernel
            case .marker: NT_CL_EnqueueMarkerWithWaitList
            case .flush: NT_CL_Flush
            case .finish: NT_CL_Finish
            case .waitForEvents: NT_CL_WaitForEvents
            case .map: NT_CL_EnqueueMapBuffer
            case .read: NT_CL_EnqueueReadBuffer
            case .write: NT_CL_EnqueueWriteBuffer
            }
        }
    }

    fileprivate let library: OpenCLLibrary

    /// How often the entry point was called since the backend was first asked.
    package subscript(call: Call) -> Int { library.calls(call.number) }

    /// Makes one call fail with an OpenCL status, after some that do not.
    package func fail(_ call: Call, with status: Int32, after successes: Int = 0) {
        nt_cl_fail(library.pointer, call.number, UInt64(successes), status)
    }
}
