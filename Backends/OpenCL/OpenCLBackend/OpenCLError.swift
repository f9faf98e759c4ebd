import COpenCL
import TensorRuntime

/// What OpenCL's numbers mean.
enum OpenCLStatus {
    /// `CL_PLATFORM_NOT_FOUND_KHR`: a loader without any driver.
    static let platformNotFound: cl_int = -1001

    /// The name of a status as the specification writes it.
    static func name(_ status: cl_int) -> String { names[status] ?? "OpenCL error \(status)" }

    private static let names: [cl_int: String] = [
        -1: "CL_DEVICE_NOT_FOUND", -2: "CL_DEVICE_NOT_AVAILABLE", -3: "CL_COMPILER_NOT_AVAILABLE",
        -4: "CL_MEM_OBJECT_ALLOCATION_FAILURE", -5: "CL_OUT_OF_RESOURCES", -6: "CL_OUT_OF_HOST_MEMORY",
        -7: "CL_PROFILING_INFO_NOT_AVAILABLE", -11: "CL_BUILD_PROGRAM_FAILURE", -12: "CL_MAP_FAILURE",
        -14: "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST", -30: "CL_INVALID_VALUE", -32: "CL_INVALID_PLATFORM",
        -33: "CL_INVALID_DEVICE", -34: "CL_INVALID_CONTEXT", -36: "CL_INVALID_COMMAND_QUEUE",
        -38: "CL_INVALID_MEM_OBJECT", -42: "CL_INVALID_BINARY", -43: "CL_INVALID_BUILD_OPTIONS",
        -44: "CL_INVALID_PROGRAM", -45: "CL_INVALID_PROGRAM_EXECUTABLE", -46: "CL_INVALID_KERNEL_NAME",
        -48: "CL_INVALID_KERNEL", -49: "CL_INVALID_ARG_INDEX", -50: "CL_INVALID_ARG_VALUE",
        -51: "CL_INVALID_ARG_SIZE", -52: "CL_INVALID_KERNEL_ARGS", -54: "CL_INVALID_WORK_GROUP_SIZE",
        -55: "CL_INVALID_WORK_ITEM_SIZE", -58: "CL_INVALID_EVENT", -59: "CL_INVALID_OPERATION",
        -61: "CL_INVALID_BUFFER_SIZE", -63: "CL_INVALID_GLOBAL_WORK_SIZE",
        platformNotFound: "CL_PLATFORM_NOT_FOUND_KHR",
    ]

    /// Whether a request for memory failed because there is none.
    static func isOutOfMemory(_ status: cl_int) -> Bool {
        [CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY].contains(status)
    }

    /// Whether a command that fails so leaves the device unusable.
    ///
    /// - Parameter waits: whether the command waits for earlier work: that such work wants for resources is how drivers say
    ///   that it crashed. Of a launch the same status says that this one kernel wants too many registers.
    static func isFatal(_ status: cl_int, waits: Bool) -> Bool {
        if waits && status == CL_OUT_OF_RESOURCES { return true }
        return [
            CL_DEVICE_NOT_AVAILABLE, CL_INVALID_CONTEXT, CL_INVALID_COMMAND_QUEUE,
            CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
        ].contains(status)
    }
}
