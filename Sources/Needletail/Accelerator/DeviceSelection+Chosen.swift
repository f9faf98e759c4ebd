import TensorRuntime

extension DeviceSelection {
    /// The process's default device and why it is that one.
    ///
    /// - Throws: `deviceUnavailable` where `NEEDLETAIL_DEVICE` names one that is not there, `invalidArgument` where a
    ///   variable of the environment cannot be read.
    public static var chosen: Choice {
        get throws(TensorError) { try DeviceInventory.current.choice() }
    }
}
