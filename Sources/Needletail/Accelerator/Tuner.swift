import TensorRuntime

/// Finds the fastest schedule of each kernel by measuring. Nothing runs it unasked.
public struct Tuner {
    /// One schedule of a kernel.
    public struct Measurement: Sendable {
        /// The schedule's name, as tuning files have it.
        public let schedule: String
        /// The median of a launch; nil where the schedule failed or gave a wrong result.
        public let microseconds: Double?
        /// Why there is no time.
        public let complaint: String?
    }

    /// One kernel.
    public struct Outcome: Sendable {
        /// Its family and arguments: what schedules were measured for.
        public let spec: KernelSpec
        /// In the order in which the device lists them: the first is what it takes without tuning.
        public let measurements: [Measurement]

        /// The fastest that is right.
        public var best: Measurement? {
            measurements.filter { $0.microseconds != nil }.min { $0.microseconds! < $1.microseconds! }
        }
    }

    private let device: any TunableDevice
    /// Says what results must be.
    private let reference: any Device
    /// The largest normalised squared error of a right result.
    private let tolerance = 1e-6

    /// - Throws: `deviceUnavailable`; `unsupported` where the device's kernels have no schedules.
    public init(_ id: DeviceID) throws(TensorError) {
        guard let device = try deviceContext(id).device as? any TunableDevice else {
            throw TensorError(.unsupported, "\(id): its kernels have no schedules to tune; name another device")
        }
        self.device = device
        reference = try deviceContext(.cpu).device
    }

    /// Measures every schedule of each kernel that has more than one, and gives the device the best ones to keep.
    ///
    /// - Returns: the file in which the device keeps them; nil where there was nothing to choose.
    public func tune(
        _ specs: [KernelSpec], onOutcome: (Outcome) throws(TensorError) -> Void = { _ in }
    ) throws(TensorError) -> String? {
        var choices: [(spec: KernelSpec, schedule: String)] = []
        var seen: Set<KernelSpec> = []
        do throws(TensorError) {
            for spec in specs where seen.insert(spec).inserted && device.schedules(for: spec).count > 1 {
                let outcome = try measure(spec)
                if let best = outcome.best { choices.append((spec, best.schedule)) }
                try onOutcome(outcome)
            }
        } catch {
            // What was measured before is right all the same.
            if !choices.isEmpty { _ = try device.adopt(choices) }
            throw error
        }
        return choices.isEmpty ? nil : try device.adopt(choices)
    }

    private func measure(_ spec: KernelSpec) throws(TensorError) -> Outcome {
        var expected = try expectedResults(spec)
        var measurements: [Measurement] = []
        for schedule in device.schedules(for: spec) {
            let kernel: any DeviceKernel
            do throws(TensorError) {
                kernel = try device.makeKernel(spec, schedule: schedule)
            } catch {
                // One that the driver cannot build is out.
                measurements.append(Measurement(schedule: schedule, microseconds: nil, complaint: error.message))
                continue
            }
            do throws(TensorError) {
                // Where the reference has no such kernel, the schedules are held to the first.
                if expected == nil { expected = try results(of: kernel, on: device) }
                measurements.append(try measure(kernel, schedule, expected!))
            } catch {
                // Work that failed ends the tuning; a schedule that the device has no room for is only out.
                if error.kind == .deviceFailure { throw error }
                measurements.append(Measurement(schedule: schedule, microseconds: nil, complaint: error.message))
            }
        }
        return Outcome(spec: spec, measurements: measurements)
    }

    /// The CPU's results; nil where it has no such kernel.
    private func expectedResults(_ spec: KernelSpec) throws(TensorError) -> [[Double]]? {
        if reference.unsupportedReason(spec) != nil { return nil }
        return try results(of: reference.makeKernel(spec), on: reference)
    }

    private func results(of kernel: any DeviceKernel, on device: any Device) throws(TensorError) -> [[Double]] {
        let run = try KernelRun(kernel, on: device)
        try run.run(kernel)
        return try run.results()
    }

    private func measure(
        _ kernel: any DeviceKernel, _ schedule: String, _ expected: [[Double]]
    ) throws(TensorError) -> Measurement {
        let run = try KernelRun(kernel, on: device)
        try run.run(kernel)
        let found = try run.results()
        if let error = zip(found, expected).map(Tuner.error).max(), !(error <= tolerance) {
            return Measurement(schedule: schedule, microseconds: nil, complaint: "wrong: squared error \(error)")
        }
        let clock = ContinuousClock()
        func microseconds(_ count: Int) throws(TensorError) -> Double {
            let began = clock.now
            try run.run(kernel, count: count)
            return (clock.now - began) / .microseconds(1) / Double(count)
        }
        // As many launches as make a few milliseconds, so that a submission's own cost is small beside them.
        let once = try microseconds(3)
        let count = max(3, min(1000, Int(3000 / once)))
        var times: [Double] = []
        for _ in 0..<5 { times.append(try microseconds(count)) }
        return Measurement(schedule: schedule, microseconds: times.sorted()[2], complaint: nil)
    }

    /// The squared error by the squared length; infinite where one has a NaN that the other lacks.
    private static func error(_ found: [Double], _ expected: [Double]) -> Double {
        var error = 0.0
        var length = 0.0
        for (a, b) in zip(found, expected) where a != b && !(a.isNaN && b.isNaN) {
            if !(a - b).isFinite { return .infinity }
            error += (a - b) * (a - b)
        }
        for value in expected where value.isFinite { length += value * value }
        return error == 0 ? 0 : error / max(length, .leastNormalMagnitude)
    }
}
