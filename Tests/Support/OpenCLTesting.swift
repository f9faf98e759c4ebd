import Foundation
import OpenCLBackend
import TensorRuntime
import Testing

/// What tests on OpenCL share. Where there is no device they fail, unless told that there need be none.
package enum OpenCLTesting {
    package static let areWanted = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_OPENCL"] != "1"

    /// The first device, opened anew, with a loader whose calls nobody else counts. It is not tried first: nothing has been
    /// called.
    package static func open(
        _ configure: (inout RuntimeConfiguration) -> Void = { _ in }
    ) throws -> (device: OpenCLDevice, calls: OpenCLCalls) {
        var configuration = RuntimeConfiguration()
        configure(&configuration)
        var options = OpenCLBackend.Options()
        options.testsDevices = false
        let backend = OpenCLBackend(configuration: configuration, options: options)
        let report = backend.probe()
        let help = "install pocl-opencl-icd, or run Scripts/test.sh --without-opencl"
        try #require(
            !report.devices.isEmpty, "there is no OpenCL device (\(report.notes.joined(separator: "; "))); \(help)")
        return (try backend.openDevice(index: 0, configuration: configuration), try #require(backend.calls))
    }
}
