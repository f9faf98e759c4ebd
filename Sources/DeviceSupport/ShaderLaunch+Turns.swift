import Shaders
import TensorRuntime

extension ShaderLaunch {
    /// Refuses the launch where the loops of one work-item may turn more often together than the driver lets them.
    ///
    /// - Throws: `unsupported`, so that another schedule is tried.
    public func check(turnLimit: Int, on device: DeviceDescription) throws(TensorError) {
        let kernel = build()
        let bound = turnBound(of: kernel)
        if let bound, bound <= turnLimit { return }
        throw TensorError(
            .unsupported,
            "\(device.id): kernel \(kernel.name) may turn its loops "
                + (bound.map { "\($0) times" } ?? "any number of times")
                + " in one work-item, and \(device.name) ends them after \(turnLimit)")
    }
}
