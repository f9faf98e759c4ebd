import CVulkan
import Synchronization
import TensorRuntime

/// A device's one queue. Streams share it; what is submitted to it runs in the order of its submission, because each
/// recording begins by waiting for the ones before it.
final class VulkanQueue: Sendable {
    private struct Fence: @unchecked Sendable {
        // Safety: a handle; who takes it from the pool owns it.
        let handle: VkFence
    }

    /// The number of submissions so far; held while one is made.
    private let submitted = Lock<UInt64>(0)
    private let idle = Lock<[Fence]>([])

    /// Starts a recording.
    ///
    /// - Parameter clock: what notes the time in it; the submission keeps it.
    func submit(
        _ recording: nt_vk_recording, on device: VulkanDevice, clock: VulkanClock? = nil
    ) throws(TensorError) -> VulkanSubmission {
        let fence = try takeFence(device)
        let (status, number) = submitted.withLock { submitted in
            let status = nt_vk_submit(device.handle, recording, fence.handle)
            if status == VK_SUCCESS { submitted += 1 }
            return (status, submitted)
        }
        guard status == VK_SUCCESS else {
            nt_vk_drop_fence(device.handle, fence.handle)
            throw device.failure(status, "submitting work")
        }
        return VulkanSubmission(fence.handle, number: number, device: device, clock: clock)
    }

    private func takeFence(_ device: VulkanDevice) throws(TensorError) -> Fence {
        if let fence = idle.withLock({ $0.popLast() }) { return fence }
        var made: VkFence?
        try device.check(nt_vk_make_fence(device.handle, &made), "making a fence")
        return Fence(handle: made!)
    }

    /// Takes a fence back whose work is done.
    fileprivate func recycle(_ fence: VkFence, of device: VulkanDevice) {
        if nt_vk_reset_fence(device.handle, fence) == VK_SUCCESS {
            let fence = Fence(handle: fence)
            idle.withLock { $0.append(fence) }
        } else {
            nt_vk_drop_fence(device.handle, fence)
        }
    }

    /// Destroys the fences that nobody uses.
    func close(_ handle: OpaquePointer) {
        let fences = idle.withLock { idle in
            defer { idle = [] }
            return idle
        }
        for fence in fences { nt_vk_drop_fence(handle, fence.handle) }
    }
}

/// Work that was submitted, and the point behind it.
final class VulkanSubmission: DeviceEvent, @unchecked Sendable {
    // Safety: a fence may be asked and waited for from any thread; it is taken back with the last reference.

    /// Its place in the queue: what has a lower one is done before it.
    let number: UInt64
    private let fence: VkFence
    private let device: VulkanDevice
    private let isDone = Atomic<Bool>(false)
    private let clock: VulkanClock?

    fileprivate init(_ fence: VkFence, number: UInt64, device: VulkanDevice, clock: VulkanClock?) {
        self.clock = clock
        self.fence = fence
        self.number = number
        self.device = device
    }

    deinit {
        // A stream waits for its work before it lets go of it; what a lost device still does is nobody's to know.
        if !isDone.load(ordering: .acquiring) { _ = nt_vk_wait(device.handle, fence) }
        device.queue.recycle(fence, of: device)
    }

    var nanoseconds: UInt64? {
        guard let clock, isComplete else { return nil }
        return clock.nanoseconds
    }

    func belongs(to other: VulkanDevice) -> Bool { device === other }

    /// Complete too where the work failed: it will do no more.
    var isComplete: Bool {
        if isDone.load(ordering: .acquiring) { return true }
        let status = nt_vk_is_done(device.handle, fence)
        if status == VK_NOT_READY { return false }
        if status != VK_SUCCESS { _ = device.failure(status, "work on the device") }
        isDone.store(true, ordering: .releasing)
        return true
    }

    func synchronize() throws(TensorError) {
        if !isDone.load(ordering: .acquiring) {
            // What fails may still run: whether it does is asked when it is let go of.
            try device.check(nt_vk_wait(device.handle, fence), "waiting for work")
            isDone.store(true, ordering: .releasing)
        }
        try device.checkAlive()
    }
}
