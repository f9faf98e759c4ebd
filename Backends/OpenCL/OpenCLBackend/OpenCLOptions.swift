import DeviceSupport
import TensorRuntime

extension OpenCLBackend {
    static let loader = BackendOption(
        "loader", of: "opencl", accepts: "a library or none", variables: ["NEEDLETAIL_OPENCL"])
    static let vendors = BackendOption(
        "vendors", of: "opencl", accepts: "a directory or a file", variables: ["OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"])
    static let scheduleClass = RuntimeConfiguration.ScheduleClass.option(of: "opencl")

    public var acceptedOptions: [BackendOption] { [Self.loader, Self.vendors, Self.scheduleClass] }
}

extension RuntimeConfiguration {
    /// `NEEDLETAIL_OPENCL`: the OpenCL loader to open in place of the system's, or `none` for no OpenCL.
    public var openCLLoader: String? {
        get { options[OpenCLBackend.loader] }
        set { options[OpenCLBackend.loader] = newValue }
    }

    /// Where that loader looks for drivers (it reads `OCL_ICD_VENDORS` and `OPENCL_VENDOR_PATH` itself): a directory,
    /// or one file of it. Used only to say why a driver is missing.
    public var openCLVendors: String? {
        get { options[OpenCLBackend.vendors] }
        set { options[OpenCLBackend.vendors] = newValue }
    }

    /// `NEEDLETAIL_SCHEDULE_CLASS`: the kind of schedule of the OpenCL backend's kernels.
    public var openCLScheduleClass: ScheduleClass {
        get { options.scheduleClass(OpenCLBackend.scheduleClass) }
        set { options[OpenCLBackend.scheduleClass] = newValue.rawValue }
    }
}
