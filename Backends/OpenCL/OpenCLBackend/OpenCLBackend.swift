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

    private typealias Probe = DriverProbe<OpenCLLibrary, OpenCLDeviceInfo>

    /// Nil: the process's configuration when the backend is first asked.
    private let configuration: RuntimeConfiguration?
    private let options: Options
    private let probed = Once<Probe>()

    public convenience init(configuration: RuntimeConfiguration? = nil) {
        self.init(configuration: configuration, options: Options())
    }

    package init(configuration: RuntimeConfiguration?, options: Options) {
        self.configuration = configuration
        self.options = options
    }

    public func probe() -> ProbeReport { found.report }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        try openDevice(index: index, configuration: configuration)
    }

    package func openDevice(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> OpenCLDevice {
        let (library, info) = try found.device(index, of: name)
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
    package var calls: OpenCLCalls? { found.loader.map(OpenCLCalls.init) }

    // MARK: Probing

    private var found: Probe {
        probed.get { OpenCLBackend.probing.withLock { _ in OpenCLBackend.look(configuration ?? .current) } }
    }

    /// One probe at a time in a process: PoCL lists its devices to a second thread before it has described them.
    private static let probing = Lock(())

    private static func look(_ configuration: RuntimeConfiguration) -> Probe {
        let path = configuration.openCLLoader ?? "libOpenCL.so.1"
        if path == "none" { return Probe(nothing: ["switched off: NEEDLETAIL_OPENCL is none"]) }
        let library: OpenCLLibrary
        do {
            library = try OpenCLLibrary(path: path)
        } catch {
            return Probe(nothing: [error.reason])
        }
        var found: [OpenCLDeviceInfo] = []
        var notes: [String] = []
        let platforms = platforms(library, &notes)
        for platform in platforms { addDevices(of: platform, library, &found, &notes) }
        let complaints = OpenCLVendors.complaints(location: configuration.openCLVendors)
        if platforms.isEmpty && notes.isEmpty && complaints.isEmpty {
            notes.append("a loader and no platform: install a driver, such as pocl-opencl-icd for processors")
        }
        return Probe(
            library, found, notes: notes + complaints,
            cache: ProgramCache(directory: configuration.cacheDirectory, backend: "opencl"))
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
    /// An entry point.
    package struct Call: Equatable, Sendable {
        fileprivate let number: nt_cl_call

        package static let createContext = Call(number: NT_CL_CreateContext)
        package static let createQueue = Call(number: NT_CL_CreateCommandQueue)
        package static let createBuffer = Call(number: NT_CL_CreateBuffer)
        package static let createProgramWithSource = Call(number: NT_CL_CreateProgramWithSource)
        package static let createProgramWithBinary = Call(number: NT_CL_CreateProgramWithBinary)
        package static let buildProgram = Call(number: NT_CL_BuildProgram)
        package static let createKernel = Call(number: NT_CL_CreateKernel)
        package static let setKernelArgument = Call(number: NT_CL_SetKernelArg)
        package static let launch = Call(number: NT_CL_EnqueueNDRangeKernel)
        package static let marker = Call(number: NT_CL_EnqueueMarkerWithWaitList)
        package static let flush = Call(number: NT_CL_Flush)
        package static let finish = Call(number: NT_CL_Finish)
        package static let waitForEvents = Call(number: NT_CL_WaitForEvents)
        package static let map = Call(number: NT_CL_EnqueueMapBuffer)
        package static let read = Call(number: NT_CL_EnqueueReadBuffer)
        package static let write = Call(number: NT_CL_EnqueueWriteBuffer)
    }

    fileprivate let library: OpenCLLibrary

    /// How often the entry point was called since the backend was first asked.
    package subscript(call: Call) -> Int { library.calls(call.number) }

    /// Makes one call fail with an OpenCL status, after some that do not.
    package func fail(_ call: Call, with status: Int32, after successes: Int = 0) {
        nt_cl_fail(library.pointer, call.number, UInt64(successes), status)
    }
}
