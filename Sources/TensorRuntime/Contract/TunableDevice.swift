/// A device whose kernels can run with different schedules, of which measurement finds the best.
public protocol TunableDevice: Device {
    /// The schedules for a specification; the first is the one taken without tuning.
    func schedules(for spec: KernelSpec) -> [String]

    /// Makes a kernel with one of ``schedules(for:)``.
    func makeKernel(_ spec: KernelSpec, schedule: String) throws(TensorError) -> any DeviceKernel

    /// Takes schedules for kernels made from now on, and keeps them on disk for this device and driver.
    ///
    /// - Returns: the file.
    func adopt(_ choices: [(spec: KernelSpec, schedule: String)]) throws(TensorError) -> String
}
