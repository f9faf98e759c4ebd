import CPUBackend
import Foundation
import KernelIR
import OpenCLBackend
import Shaders
import TensorRuntime
import TestSupport
import Testing

/// What a device does when a driver's call fails.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct DeviceFailureTests {
    private static let outOfResources: Int32 = -5
    private static let allocationFailure: Int32 = -4
    private static let invalidQueue: Int32 = -36

    @Test func aProgramThatCannotBeBuiltNamesKernelDeviceAndAFile() throws {
        let cache = TemporaryDirectory()
        let (device, _) = try OpenCLTesting.open { $0.cacheDirectory = cache.path }
        // A macro of the language.
        let scaling = Scaling(count: 16, name: "MAXFLOAT")
        let error = try #require(tensorError { _ = try scaling.kernel(on: device) })
        #expect(error.kind == .deviceFailure)
        #expect(error.message.contains("kernel MAXFLOAT: CL_BUILD_PROGRAM_FAILURE"), "\(error)")
        #expect(error.message.contains(device.description.name) && error.message.contains("error:"), "\(error)")
        let file = try #require(cache.files(in: "opencl").first)
        #expect(error.message.contains(file))
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.contains("void MAXFLOAT(") && text.contains("error:"))
        // The device goes on, and so does the CPU.
        _ = try Scaling(count: 16).kernel(on: device)
        _ = try CPUBackend().open(index: 0, configuration: RuntimeConfiguration()).makeKernel(scaling.spec)
    }

    @Test func aKernelThatIsNoneIsRefused() throws {
        let (device, calls) = try OpenCLTesting.open()
        var launch = Scaling(count: 16).plan.launches[0]
        launch.build = { Kernel(name: "not a name") }
        let error = tensorError { _ = try device.makeKernel(Scaling(count: 16).spec, ShaderPlan([launch])) }
        #expect(error?.kind == .deviceFailure)
        #expect(calls[.createProgramWithSource] == 0)
    }

    @Test func aDeviceThatFailsTheSelfTestIsNotOpened() throws {
        let cache = TemporaryDirectory()
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = cache.path
        let backend = OpenCLBackend(configuration: configuration)
        let calls = try #require(backend.calls)
        calls.fail(.launch, with: Self.invalidQueue)
        let error = try #require(tensorError { _ = try backend.openDevice(index: 0, configuration: configuration) })
        #expect(error.kind == .deviceUnavailable && !error.message.contains("\n"))
        #expect(
            error.message.contains(" is not used, because it fails the self-test 'matrix product': "), "\(error)")
        #expect(error.message.contains(": CL_INVALID_COMMAND_QUEUE"), "\(error)")
        // It is tried anew, passes, and is not tried any more.
        #expect(cache.files(in: "self-test").isEmpty)
        let before = calls[.launch]
        _ = try backend.openDevice(index: 0, configuration: configuration)
        #expect(calls[.launch] >= before + 6 && cache.files(in: "self-test").count == 1)
        let after = calls[.launch]
        _ = try backend.openDevice(index: 0, configuration: configuration)
        #expect(calls[.launch] == after)
    }

    @Test func aForkedChildIsToldAndDoesNotWait() throws {
        let (device, _) = try OpenCLTesting.open()
        // Swift hides the function, because a child may do so little.
        let fork = unsafeBitCast(try #require(dlsym(nil, "fork")), to: (@convention(c) () -> pid_t).self)
        let child = fork()
        if child == 0 {
            // A child that waits is ended.
            alarm(20)
            let error = tensorError { _ = try device.allocate(byteCount: 64) }
            _exit(error?.message.contains("made by fork()") == true ? 7 : 8)
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        #expect(status == 7 << 8, "the child ended with \(status)")
        // The parent goes on.
        #expect(try device.allocate(byteCount: 64).byteCount == 64)
    }

    @Test func memoryThatIsNotThereIsNoLoss() throws {
        let (device, calls) = try OpenCLTesting.open()
        calls.fail(.createBuffer, with: Self.allocationFailure)
        let error = tensorError { _ = try device.allocate(byteCount: 1024) }
        #expect(error?.kind == .outOfMemory)
        #expect(error?.message.contains("CL_MEM_OBJECT_ALLOCATION_FAILURE") == true)
        #expect(try device.allocate(byteCount: 1024).byteCount == 1024)
    }

    @Test func aLostDeviceFailsWithTheFirstCauseAndTakesNoneWithIt() throws {
        let (device, calls) = try OpenCLTesting.open()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let stream = try device.makeStream()
        let buffer = try device.allocate(byteCount: 64)
        let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
        calls.fail(.launch, with: Self.invalidQueue)
        let first = try #require(tensorError { try stream.launch(kernel, bindings, [2]) })
        #expect(first.kind == .deviceFailure)
        #expect(first.message.contains("launching scale: CL_INVALID_COMMAND_QUEUE"), "\(first)")
        let launches = calls[.launch]
        #expect(tensorError { try stream.launch(kernel, bindings, [2]) } == first)
        #expect(tensorError { try stream.submit() } == first)
        #expect(tensorError { try stream.synchronize() } == first)
        #expect(tensorError { _ = try stream.read(buffer, count: 1) } == first)
        #expect(tensorError { try stream.write([1], to: buffer) } == first)
        #expect(tensorError { _ = try device.allocate(byteCount: 64) } == first)
        #expect(tensorError { _ = try device.makeStream() } == first)
        #expect(tensorError { _ = try Scaling(count: 16, salt: 1).kernel(on: device) } == first)
        #expect(calls[.launch] == launches)
        let other = try OpenCLTesting.open().device
        let otherStream = try other.makeStream()
        let otherBuffer = try other.allocate(byteCount: 64)
        try otherStream.write([1, 2], to: otherBuffer)
        #expect(try otherStream.read(otherBuffer, count: 2) == [1, 2])
    }

    @Test func aLaunchThatWantsTooMuchIsNoLoss() throws {
        let (device, calls) = try OpenCLTesting.open()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let stream = try device.makeStream()
        let buffer = try device.allocate(byteCount: 64)
        let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
        try stream.write([Float](repeating: 1, count: 16), to: buffer)
        calls.fail(.launch, with: Self.outOfResources)
        let error = tensorError { try stream.launch(kernel, bindings, [2]) }
        #expect(error?.kind == .outOfMemory && error?.message.contains("launching scale") == true)
        try stream.launch(kernel, bindings, [2])
        #expect(try stream.read(buffer, count: 16) == [Float](repeating: 2, count: 16))
    }

    @Test func aWaitThatFailsLosesTheDevice() throws {
        let (device, calls) = try OpenCLTesting.open()
        let stream = try device.makeStream()
        calls.fail(.finish, with: Self.outOfResources)
        let error = tensorError { try stream.synchronize() }
        #expect(error?.message.contains("waiting for all work: CL_OUT_OF_RESOURCES") == true)
        #expect(tensorError { _ = try device.allocate(byteCount: 64) } == error)
    }
}
