import TensorRuntime

/// Which schedule measured fastest for which kernel, on one device with one driver.
///
/// A table is kept as a small JSON file that people may read and commit. Lines that name a schedule the library no
/// longer has are without effect.
public struct TuningTable: Codable, Hashable, Sendable {
    /// The device and driver it was measured on.
    public var device: String
    /// Schedules by ``TensorRuntime/KernelSpec/tuningKey``.
    public var schedules: [String: String]

    public init(device: String, schedules: [String: String] = [:]) {
        self.device = device
        self.schedules = schedules
    }
}

extension KernelSpec {
    /// What a schedule is chosen by: family, types and shapes, and for fused kernels the program and how its operands lie.
    public var tuningKey: String {
        guard let body = body as? FusedKernel else { return description }
        var lines = body.program.description
        for access in body.inputs + body.outputs {
            lines += "\n" + (0..<body.extents.rank).map { String(access.strides[$0]) }.joined(separator: " ")
        }
        // FNV-1a: the same in every process.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in lines.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return "\(description) program \(String(hash, radix: 16))"
    }
}
