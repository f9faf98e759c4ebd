import CVulkan
import TensorRuntime

/// A recording that notes when the device gets to it.
final class VulkanClock: @unchecked Sendable {
    // Safety: the recording is submitted once and asked when it is done; who submitted it keeps it until then.

    let recording: nt_vk_recording
    private let device: VulkanDevice
    private let tick: Double

    /// Nil where the device has no timestamps, or such as begin anew after a while: those of less than 64 bits.
    init?(_ device: VulkanDevice) throws(TensorError) {
        guard device.info.facts.timestamp_bits == 64, let tick = device.info.tick else { return nil }
        var made = nt_vk_recording()
        try device.check(nt_vk_record_time(device.handle, &made), "recording the time")
        recording = made
        self.device = device
        self.tick = tick
    }

    deinit { nt_vk_discard(device.handle, recording) }

    /// Of the device's clock; once the recording is done.
    var nanoseconds: UInt64? {
        var ticks: UInt64 = 0
        guard nt_vk_time(device.handle, recording, &ticks) == VK_SUCCESS else { return nil }
        return tick == 1 ? ticks : UInt64(Double(ticks) * tick)
    }
}
