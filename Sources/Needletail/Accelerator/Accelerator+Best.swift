import TensorRuntime

extension Accelerator {
    /// The first device of an order of preference that can be opened; nil where none can be.
    ///
    ///     let device = try Accelerator.best(order: ["vulkan", "discreteGPU", "cpu"])
    ///
    /// - Parameter order: IDs (`opencl:1`), backends (`vulkan`: its devices, best first, software never), kinds
    ///   (`discreteGPU`, `integratedGPU`, `accelerator`, `cpu`, `software`) and `gpu` for both kinds of GPU.
    /// - Throws: `invalidArgument` where a name is none of these.
    public static func best(order: [String]) throws(TensorError) -> DeviceID? {
        let inventory = DeviceInventory.current
        try inventory.check()
        let probes = inventory.probe()
        var candidates: [DeviceID] = []
        for name in order { candidates += try devices(called: name, among: probes) }
        for id in candidates {
            do throws(TensorError) {
                _ = try inventory.context(for: id)
                return id
            } catch {
                inventory.configuration.notice?("\(id) is left out, because it cannot be opened: \(error.message)")
            }
        }
        return nil
    }

    private static func devices(
        called name: String, among probes: [DeviceSelection.Probe]
    ) throws(TensorError) -> [DeviceID] {
        let all = DeviceSelection.ranked(probes.flatMap(\.devices))
        if let probe = probes.first(where: { $0.backend == name }) {
            return all.filter { $0.id.backend == probe.backend && $0.kind != .software }.map(\.id)
        }
        if name == "gpu" { return all.filter { $0.kind == .discreteGPU || $0.kind == .integratedGPU }.map(\.id) }
        if let kind = DeviceDescription.Kind(rawValue: name) { return all.filter { $0.kind == kind }.map(\.id) }
        if name.contains(":"), let id = DeviceID(name), probes.contains(where: { $0.backend == id.backend }) {
            return all.map(\.id).filter { $0 == id }
        }
        let backends = probes.map(\.backend).joined(separator: ", ")
        let kinds = DeviceDescription.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw TensorError(
            .invalidArgument,
            "best: '\(name)' is neither a device, a backend (\(backends)) nor a kind (gpu, \(kinds)); use one of them")
    }
}
