import COpenCL
import DeviceSupport
import TensorRuntime

/// An opened OpenCL loader: its entry points, what they were asked, and queries in Swift's types.
final class OpenCLLibrary: @unchecked Sendable {
    // Safety: the pointer never changes, and what it points to counts atomically; drivers are safe for threads.

    let pointer: OpaquePointer

    /// Opens the loader at `path`. Every library opened counts for itself.
    init(path: String) throws(DriverComplaint) {
        let remedy = "install ocl-icd-libopencl1 or set NEEDLETAIL_OPENCL"
        pointer = try DriverText.loader(of: "OpenCL", remedy: remedy) { nt_cl_open(path, $0, $1) }
    }

    /// How often an entry point was called.
    func calls(_ call: nt_cl_call) -> Int { Int(nt_cl_calls(pointer, call)) }

    // MARK: Queries

    /// The bytes that a query gives, or nil where it fails.
    func bytes(_ query: OpenCLQuery.Query) -> [UInt8]? { OpenCLQuery.bytes(query) }

    func text(ofPlatform platform: cl_platform_id, _ name: Int32) -> String {
        OpenCLLibrary.text(bytes { nt_clGetPlatformInfo(pointer, platform, cl_platform_info(name), $0, $1, $2) })
    }

    func text(of device: cl_device_id, _ name: Int32) -> String {
        OpenCLLibrary.text(bytes(of: device, name))
    }

    func bytes(of device: cl_device_id, _ name: Int32) -> [UInt8]? {
        bytes { nt_clGetDeviceInfo(pointer, device, cl_device_info(name), $0, $1, $2) }
    }

    /// An integer of the device; nil where it does not know the question or answers in another size.
    func integer<Number: FixedWidthInteger>(of device: cl_device_id, _ name: Int32, as: Number.Type) -> Number? {
        guard let bytes = bytes(of: device, name), bytes.count == MemoryLayout<Number>.size else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: Number.self) }
    }

    private static func text(_ bytes: [UInt8]?) -> String { DriverText.words(bytes ?? []) }
}

/// What a driver answers. It is not to be trusted with the size of its answer: memory is asked for that much.
package enum OpenCLQuery {
    /// Size and place of the memory for the answer, and where its size goes; one of the two is asked for at a time.
    package typealias Query = (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int

    /// The longest answer that is read: a compiler's log of some megabytes fits.
    package static let maximumByteCount = 64 << 20
    /// The most platforms, and devices of one.
    package static let maximumCount = 4096

    /// The bytes that a query gives; nil where it fails, or says that there are more than can be.
    package static func bytes(_ query: Query) -> [UInt8]? {
        var count = 0
        guard query(0, nil, &count) == CL_SUCCESS, (0...maximumByteCount).contains(count) else { return nil }
        var result = [UInt8](repeating: 0, count: count)
        let status = result.withUnsafeMutableBytes { query(count, $0.baseAddress, nil) }
        return status == CL_SUCCESS ? result : nil
    }
}
