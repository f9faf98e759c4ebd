import CPUBackend
import Foundation
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

/// What a device does when a driver's call fails.
@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct VulkanFailureTests {
    private static let deviceLost: Int32 = -4
    private static let outOfDeviceMemory: Int32 = -2

    @Test func memoryThatIsNotThereIsNoLoss() throws {
        let (device, calls) = try VulkanTesting.open()
        calls.fail(.allocateMemory, with: Self.outOfDeviceMemory)
        let error = tensorError { _ = try device.allocate(byteCount: 1024) }
        #expect(error?.kind == .outOfMemory)
        #expect(error?.message.contains("VK_ERROR_OUT_OF_DEVICE_MEMORY") == true)
        #expect(try device.allocate(byteCount: 1024).byteCount == 1024)
    }

    @Test func aProgramThatCannotBeBuiltNamesKernelDeviceAndAFile() throws {
        let cache = TemporaryDirectory()
        let (device, calls) = try VulkanTesting.open(configure: { $0.cacheDirectory = cache.path })
        calls.fail(.createPipeline, with: -13)
        let error = try #require(tensorError { _ = try Scaling(count: 16).kernel(on: device) })
        #expect(error.kind == .deviceFailure)
        #expect(error.message.contains("kernel scale: VK_ERROR_UNKNOWN"), "\(error)")
        let file = try #require(cache.files(in: "vulkan").first)
        #expect(error.message.contains(file) && error.message.contains(device.description.name), "\(error)")
        // The device goes on.
        _ = try Scaling(count: 16).kernel(on: device)
    }

    @Test(arguments: [VulkanCalls.Call.submit, .wait])
    func aLostDeviceFailsWithTheFirstCauseAndTakesNoneWithIt(_ call: VulkanCalls.Call) throws {
        let (device, calls) = try VulkanTesting.open()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let stream = try device.makeStream()
        let buffer = try device.allocate(byteCount: 64)
        let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
        calls.fail(call, with: Self.deviceLost)
        let first = try #require(
            tensorError {
                // Whether there is something to wait for is the driver's speed.
                for _ in 0..<200 {
                    try stream.launch(kernel, bindings, [2])
                    try stream.synchronize()
                }
            })
        #expect(first.kind == .deviceFailure)
        #expect(first.message.contains("VK_ERROR_DEVICE_LOST; the device is lost"), "\(first)")
        let submissions = calls[.submit]
        #expect(tensorError { try stream.launch(kernel, bindings, [2]) } == first)
        #expect(tensorError { try stream.synchronize() } == first)
        #expect(tensorError { _ = try stream.record() } == first)
        #expect(tensorError { _ = try stream.read(buffer, count: 1) } == first)
        #expect(tensorError { try stream.write([1], to: buffer) } == first)
        #expect(tensorError { _ = try device.allocate(byteCount: 64) } == first)
        #expect(tensorError { _ = try device.makeStream() } == first)
        #expect(calls[.submit] == submissions)
        let other = try VulkanTesting.open().device
        let otherStream = try other.makeStream()
        let otherBuffer = try other.allocate(byteCount: 64)
        try otherStream.write([1, 2], to: otherBuffer)
        #expect(try otherStream.read(otherBuffer, count: 2) == [1, 2])
    }

    @Test func aSubmissionThatFindsNoMemoryIsNoLoss() throws {
        let (device, calls) = try VulkanTesting.open()
        let kernel = try Scaling(count: 16).kernel(on: device)
        let stream = try device.makeStream()
        let buffer = try device.allocate(byteCount: 64)
        let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
        try stream.write([Float](repeating: 1, count: 16), to: buffer)
        for call in [VulkanCalls.Call.beginCommands, .submit] {
            calls.fail(call, with: Self.outOfDeviceMemory)
            try stream.launch(kernel, bindings, [2])
            #expect(tensorError { try stream.submit() }?.kind == .outOfMemory)
            if call == .submit { #expect(try stream.read(buffer, count: 1) == [1]) }
        }
        try stream.launch(kernel, bindings, [2])
        #expect(try stream.read(buffer, count: 16) == [Float](repeating: 2, count: 16))
    }

    @Test func programsAreKeptOnDisk() throws {
        let cache = TemporaryDirectory()
        func run() throws -> (device: VulkanDevice, calls: VulkanCalls) {
            let opened = try VulkanTesting.open(configure: { $0.cacheDirectory = cache.path })
            let stream = try opened.device.makeStream()
            let buffer = try opened.device.allocate(byteCount: 64)
            try stream.write((0..<16).map(Float.init), to: buffer)
            let bindings = [BufferBinding(buffer: buffer), BufferBinding(buffer: buffer)]
            try stream.launch(Scaling(count: 16, salt: 1).kernel(on: opened.device), bindings, [2])
            #expect(try stream.read(buffer, count: 3) == [1, 3, 5])
            return opened
        }
        #expect(try run().device.programCounts == .init(compiled: 1, loaded: 0, stored: 1))
        #expect(cache.files(in: "vulkan").count == 1)
        #expect(try run().device.programCounts == .init(compiled: 0, loaded: 1, stored: 0))
    }

    @Test func aQuirkThatIsNotThereIsRefused() throws {
        let error = tensorError { _ = try VulkanTesting.open(configure: { $0.quirks = ["vulkan.none": true] }) }
        #expect(error?.kind == .invalidArgument && error?.message.contains("vulkan.serial") == true)
        let device = try VulkanTesting.open(configure: { $0.quirks = ["vulkan.serial": true] }).device
        #expect(device.quirks == ["vulkan.short-loops", "vulkan.serial"])
    }
}
