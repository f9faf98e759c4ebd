import Foundation
import TensorRuntime

extension BenchmarkRow {
    /// A row of a device of this machine, without samples.
    ///
    /// - Parameter threads: what the device is given, where it could not be opened with them.
    package init(
        suite: String, name: String, dtype: DType, on device: DeviceDescription, threads: Int? = nil, round: Int
    ) {
        self.init(
            suite: suite, name: name, dtype: "\(dtype)", device: "\(device.id)",
            driver: "\(device.name), \(device.driver)", threads: threads ?? Machine.threads(of: device),
            round: round, firstMicroseconds: 0, samples: [], hostMicroseconds: 0, launches: 0)
        machine = Machine.description
        commit = Machine.commit
        kind = device.kind.rawValue
    }
}
