import TensorRuntime

/// One family's kernels: which schedules a specification can run with, and the launches under each.
protocol ShaderFamily {
    associatedtype Body: KernelBody

    /// The names of the schedules that fit, the one chosen without tuning first. Never empty.
    static func schedules(for body: Body, target: ShaderTarget) -> [String]

    /// The launches under one of those schedules.
    ///
    /// - Throws: `unsupported` where the device cannot run the specification.
    static func plan(_ body: Body, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan
}

/// The kernel library on one device.
public struct ShaderLibrary: Sendable {
    public let target: ShaderTarget

    public init(target: ShaderTarget) { self.target = target }

    /// The schedules that a tuner may try for a specification; the first is the one chosen without it.
    public func schedules(for spec: KernelSpec) -> [String] {
        switch spec.body {
        case let body as FusedKernel: FusedShader.schedules(for: body, target: target)
        case let body as MatmulKernel: MatmulShader.schedules(for: body, target: target)
        case let body as ConvolutionKernel: ConvolutionShader.schedules(for: body, target: target)
        case let body as PoolingKernel: PoolingShader.schedules(for: body, target: target)
        case let body as ScatterAddKernel: ScatterAddShader.schedules(for: body, target: target)
        default: []
        }
    }

    /// The launches that run a specification.
    ///
    /// - Parameter schedule: one of ``schedules(for:)``; nil takes the first.
    public func plan(_ spec: KernelSpec, schedule: String? = nil) throws(TensorError) -> ShaderPlan {
        switch spec.body {
        case let body as FusedKernel: try plan(FusedShader.self, body, schedule)
        case let body as MatmulKernel: try plan(MatmulShader.self, body, schedule)
        case let body as ConvolutionKernel: try plan(ConvolutionShader.self, body, schedule)
        case let body as PoolingKernel: try plan(PoolingShader.self, body, schedule)
        case let body as ScatterAddKernel: try plan(ScatterAddShader.self, body, schedule)
        default: throw TensorError(.unsupported, "there is no \(spec.family) kernel in the library")
        }
    }

    private func plan<Family: ShaderFamily>(
        _ family: Family.Type, _ body: Family.Body, _ schedule: String?
    ) throws(TensorError) -> ShaderPlan {
        try family.plan(body, schedule: schedule ?? family.schedules(for: body, target: target)[0], target: target)
    }
}
