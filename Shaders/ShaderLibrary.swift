import TensorRuntime

/// One family's kernels: which schedules a specification can run with, and the launches under each.
protocol ShaderFamily {
    associatedtype Body: KernelBody

    /// The names of the schedules that fit, the one chosen without tuning first. Empty where the device's workgroups are
    /// smaller than the smallest of its class.
    static func schedules(for body: Body, target: ShaderTarget) -> [String]

    /// The launches under one of those schedules.
    ///
    /// - Throws: `unsupported` where the device cannot run the specification.
    static func plan(_ body: Body, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan
}

/// The kernel library on one device.
public struct ShaderLibrary: Sendable {
    public let target: ShaderTarget

    /// What was measured on the device, which comes before the library's own choice.
    public let tuning: TuningTable?

    public init(target: ShaderTarget, tuning: TuningTable? = nil) {
        self.target = target
        self.tuning = tuning
    }

    /// The schedules that a tuner may try for a specification; the first is the one chosen without it.
    public func schedules(for spec: KernelSpec) -> [String] {
        switch spec.body {
        case let body as FusedKernel: FusedShader.schedules(for: body, target: target)
        case let body as MatmulKernel: MatmulShader.schedules(for: body, target: target)
        case let body as ConvolutionKernel: ConvolutionShader.schedules(for: body, target: target)
        case let body as PoolingKernel: PoolingShader.schedules(for: body, target: target)
        case let body as ScatterAddKernel: ScatterAddShader.schedules(for: body, target: target)
        case let body as ScanKernel: ScanShader.schedules(for: body, target: target)
        case let body as SortKernel: SortShader.schedules(for: body, target: target)
        default: []
        }
    }

    /// The launches that run a specification.
    ///
    /// - Parameter schedule: one of ``schedules(for:)``; nil takes the tuned one, or else the first.
    public func plan(_ spec: KernelSpec, schedule: String? = nil) throws(TensorError) -> ShaderPlan {
        if let complaint = spec.typeComplaint { throw TensorError(.unsupported, complaint) }
        let schedule = schedule ?? tuned(spec)
        switch spec.body {
        case let body as FusedKernel: return try plan(FusedShader.self, body, schedule)
        case let body as MatmulKernel: return try plan(MatmulShader.self, body, schedule)
        case let body as ConvolutionKernel: return try plan(ConvolutionShader.self, body, schedule)
        case let body as PoolingKernel: return try plan(PoolingShader.self, body, schedule)
        case let body as ScatterAddKernel: return try plan(ScatterAddShader.self, body, schedule)
        case let body as ScanKernel: return try plan(ScanShader.self, body, schedule)
        case let body as SortKernel: return try plan(SortShader.self, body, schedule)
        default: throw TensorError(.unsupported, "there is no \(spec.family) kernel in the library")
        }
    }

    private func tuned(_ spec: KernelSpec) -> String? {
        guard let tuning, let name = tuning.schedules[spec.tuningKey], schedules(for: spec).contains(name) else {
            return nil
        }
        return name
    }

    private func plan<Family: ShaderFamily>(
        _ family: Family.Type, _ body: Family.Body, _ schedule: String?
    ) throws(TensorError) -> ShaderPlan {
        guard let chosen = schedule ?? family.schedules(for: body, target: target).first else {
            throw TensorError(
                .unsupported,
                "no \(target.deviceClass.rawValue) schedule runs with workgroups of \(target.maximumWorkgroupSize)")
        }
        return try family.plan(body, schedule: chosen, target: target)
    }
}
