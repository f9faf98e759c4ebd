import CVulkan
import DeviceSupport
import KernelIR
import SPIRV
import TensorRuntime

typealias VulkanPrograms = DevicePrograms<VulkanProgramDriver>

/// An opened device's handle, destroyed with what was made of it last.
final class VulkanHandle: @unchecked Sendable {
    // Safety: the pointer never changes, and what is made of a device may be made from any thread.

    let pointer: OpaquePointer
    let library: VulkanLibrary
    let queue = VulkanQueue()

    init(_ pointer: OpaquePointer, library: VulkanLibrary) {
        self.pointer = pointer
        self.library = library
    }

    deinit {
        queue.close(pointer)
        nt_vk_close_device(pointer)
    }
}

/// A pipeline.
final class VulkanProgramHandle: @unchecked Sendable {
    // Safety: nothing changes after `init`.

    let program: nt_vk_program
    private let device: VulkanHandle

    init(_ program: nt_vk_program, device: VulkanHandle) {
        self.program = program
        self.device = device
    }

    deinit { nt_vk_release(device.pointer, program) }

    var data: [UInt8]? {
        var count = 0
        guard nt_vk_program_data(device.pointer, program, &count, nil) == VK_SUCCESS, (1...64 << 20).contains(count)
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        guard nt_vk_program_data(device.pointer, program, &count, &bytes) == VK_SUCCESS else { return nil }
        return Array(bytes.prefix(count))
    }
}

/// SPIR-V, and the driver's compiler for it.
struct VulkanProgramDriver: ProgramDriver {
    let info: VulkanDeviceInfo
    let device: VulkanHandle

    var identity: String { info.identity }

    func emit(_ kernel: Kernel) throws(TensorError) -> [UInt8] {
        let count = kernel.buffers.count + 1
        guard count <= info.facts.storage_buffers else {
            throw TensorError(
                .unsupported,
                "\(info.description.id): kernel \(kernel.name) has \(kernel.buffers.count) buffers, and "
                    + "\(info.description.name) binds \(info.facts.storage_buffers - 1) beside the parameters")
        }
        let words = try SPIRVEmitter.module(of: kernel, target: info.spirv).words
        return words.withUnsafeBytes { Array($0) }
    }

    func compile(_ text: [UInt8], _ signature: Kernel) throws(ProgramFailure) -> VulkanProgramHandle {
        try build(text, signature, kept: [])
    }

    func load(_ binary: [UInt8], _ text: [UInt8], _ signature: Kernel) -> VulkanProgramHandle? {
        do {
            return try build(text, signature, kept: binary)
        } catch {
            // It is compiled again, and what is wrong is said then.
            return nil
        }
    }

    private func build(
        _ text: [UInt8], _ signature: Kernel, kept: [UInt8]
    ) throws(ProgramFailure) -> VulkanProgramHandle {
        var program = nt_vk_program()
        let status = text.withUnsafeBytes { words in
            nt_vk_build(
                device.pointer, words.bindMemory(to: UInt32.self).baseAddress, words.count / 4,
                UInt32(signature.buffers.count + 1), kept, kept.count, &program)
        }
        guard status == VK_SUCCESS else { throw ProgramFailure(reason: VulkanStatus.name(status)) }
        return VulkanProgramHandle(program, device: device)
    }

    func binary(of handle: VulkanProgramHandle) -> [UInt8]? { handle.data }
}
