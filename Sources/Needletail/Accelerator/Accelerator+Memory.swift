import TensorGraph
import TensorRuntime

extension Accelerator {
    /// The memory of the accelerator in use, in bytes. Everything is 0, and nothing is done, where there is none or nothing
    /// has opened it.
    public enum Memory {
        /// Bytes that tensors and running work hold.
        public static var allocated: Int { pool(of: nil).allocatedBytes.current }

        /// The most that ``allocated`` has been since the start or ``resetPeakStatistics(of:)``.
        public static var maximumAllocated: Int { pool(of: nil).allocatedBytes.peak }

        /// Bytes held from the driver, cached blocks included.
        public static var reserved: Int { pool(of: nil).reservedBytes.current }

        /// The most that ``reserved`` has been since the start or ``resetPeakStatistics(of:)``.
        public static var maximumReserved: Int { pool(of: nil).reservedBytes.peak }

        private static func pool(of device: DeviceID?) -> MemoryStatistics.Pool {
            (openedContext(device)?.allocator.memoryStatistics ?? MemoryStatistics()).all
        }

        /// All counters of the caching allocator under the names of PyTorch's `memory_stats`, as `allocated_bytes.all.peak`;
        /// empty where there is no accelerator or nothing has opened it.
        public static var statistics: [String: Int] { statistics(of: nil) }

        /// The counters of a device, which may be the CPU; nil is the accelerator in use.
        public static func statistics(of device: DeviceID?) -> [String: Int] {
            openedContext(device)?.allocator.memoryStatistics.flat ?? [:]
        }

        /// What is free on a device, whoever uses the rest, and what it has; nil is the accelerator in use, and gives 0 where
        /// there is none. Opens the device.
        ///
        /// Where the driver does not tell what is free (OpenCL has a query on AMD's devices only), it is what this process has
        /// not reserved.
        ///
        /// - Throws: `deviceUnavailable` where a device that is named is not there.
        public static func info(of device: DeviceID? = nil) throws(TensorError) -> DeviceMemory {
            guard let id = device ?? current else { return DeviceMemory(free: 0, total: 0) }
            let context = if let opened = openedContext(id) { opened } else { try deviceContext(id) }
            if let told = context.device.memoryInfo { return told }
            let total = context.device.description.memory
            return DeviceMemory(free: max(total - context.allocator.statistics.reservedBytes, 0), total: total)
        }

        /// Makes the present numbers the peaks.
        public static func resetPeakStatistics(of device: DeviceID? = nil) {
            openedContext(device)?.allocator.resetPeak()
        }

        /// Sets to 0 what only grows: all that was ever allocated and freed, retries and failures.
        public static func resetAccumulatedStatistics(of device: DeviceID? = nil) {
            openedContext(device)?.allocator.resetAccumulated()
        }

        /// Gives cached blocks back to the driver.
        public static func emptyCache(of device: DeviceID? = nil) { openedContext(device)?.allocator.emptyCache() }

        /// Does nothing: host memory for transfers is a ring of fixed size in each stream, and nothing is cached beside it.
        public static func emptyHostCache() {}
    }
}
