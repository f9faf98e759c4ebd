import Foundation
import Shaders
import TensorRuntime

/// The kernel library on one device: with the schedules measured there, which are kept in a file, and with the plans of
/// the kernels that are about to be made, so that a specification is planned once however often it is asked about.
public final class TunedShaders: Sendable {
    private struct State {
        var library: ShaderLibrary
        /// Plans under the library's own choice of schedule.
        var plans: [KernelSpec: ShaderPlan] = [:]
        var planned = 0
    }

    /// More plans than a trace has kernels: what is asked about and never made is forgotten.
    private static let planLimit = 4096

    public let target: ShaderTarget
    /// The device and driver, as the table names them.
    private let identity: String
    /// Where the table is kept; nil where nothing is.
    private let file: URL?
    private let state: Lock<State>

    /// - Parameters:
    ///   - backend: the backend's name, with which the file's name begins.
    ///   - identity: device and driver with their versions: what measurements hold for.
    public init(
        target: ShaderTarget, backend: String, identity: String, configuration: RuntimeConfiguration
    ) {
        self.target = target
        self.identity = identity
        file = configuration.cacheDirectory.map {
            let key = Array("\(identity)\n\(target.deviceClass.rawValue)".utf8)
            return URL(fileURLWithPath: "\($0)/tuning/\(backend)-\(ProgramCache.name(key)).json")
        }
        var tuning: TuningTable?
        do throws(TensorError) {
            if let file { tuning = try TuningTable(contentsOf: file) }
        } catch {
            // Without the table all is right, only slower.
            configuration.notice?(error.message)
        }
        state = Lock(State(library: ShaderLibrary(target: target, tuning: tuning)))
    }

    private var library: ShaderLibrary { state.withLock { $0.library } }

    /// How many plans were made under the library's own choice, for tests.
    package var planCount: Int { state.withLock { $0.planned } }

    // MARK: Plans

    public func schedules(for spec: KernelSpec) -> [String] { library.schedules(for: spec) }

    /// - Parameter schedule: nil takes the one measured, or else the library's first.
    public func plan(_ spec: KernelSpec, schedule: String? = nil) throws(TensorError) -> ShaderPlan {
        if let schedule { return try library.plan(spec, schedule: schedule) }
        let (known, library) = state.withLock { ($0.plans[spec], $0.library) }
        if let known { return known }
        let made = try library.plan(spec)
        state.withLock { state in
            state.planned += 1
            // Other schedules may have been adopted since.
            guard state.library.tuning == library.tuning else { return }
            if state.plans.count == TunedShaders.planLimit { state.plans = [:] }
            state.plans[spec] = made
        }
        return made
    }

    /// Why the library has no kernel for `spec` on this device, or nil.
    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        do throws(TensorError) {
            _ = try plan(spec)
            return nil
        } catch {
            return error.kind == .unsupported ? error.message : nil
        }
    }

    /// The launches of kernels that are made next. What cannot be planned is left out: it is refused when it is made.
    ///
    /// - Parameter launches: a plan's as the device runs them.
    public func prepare(
        _ specs: [KernelSpec],
        as launches: (ShaderPlan, KernelSpec) throws(TensorError) -> [ShaderLaunch] = { plan, _ in plan.launches }
    ) -> [ShaderLaunch] {
        // The plans of kernels made before.
        state.withLock { $0.plans = [:] }
        var prepared: [ShaderLaunch] = []
        for spec in specs {
            do throws(TensorError) {
                prepared += try launches(plan(spec), spec)
            } catch { continue }
        }
        return prepared
    }

    /// Makes a kernel with the schedule measured or chosen, or else with the first of the others that the device does not
    /// refuse: it may leave a kernel fewer work-items than it has, and another schedule may want fewer.
    ///
    /// - Throws: the first schedule's error where all are refused (`unsupported`); any other error at once.
    public func make<Made>(
        _ spec: KernelSpec, _ make: (ShaderPlan) throws(TensorError) -> Made
    ) throws(TensorError) -> Made {
        let schedules = [nil] + schedules(for: spec).map(Optional.some)
        return try TunedShaders.firstSupported(schedules) { (schedule) throws(TensorError) in
            try make(plan(spec, schedule: schedule))
        }
    }

    /// What `make` makes of the first schedule that it does not find unsupported.
    package static func firstSupported<Made>(
        _ schedules: [String?], _ make: (String?) throws(TensorError) -> Made
    ) throws(TensorError) -> Made {
        var refusal: TensorError?
        for schedule in schedules {
            do throws(TensorError) {
                return try make(schedule)
            } catch {
                guard error.kind == .unsupported else { throw error }
                refusal = refusal ?? error
            }
        }
        throw refusal ?? TensorError(.unsupported, "there is no schedule")
    }

    // MARK: Tuning

    /// Takes schedules for kernels made from now on, and writes them to the file.
    ///
    /// - Parameter device: for messages.
    /// - Returns: the file.
    /// - Throws: `file` where nothing is kept on disk, or it cannot be written.
    public func adopt(
        _ choices: [(spec: KernelSpec, schedule: String)], on device: DeviceID
    ) throws(TensorError) -> String {
        guard let file else {
            throw TensorError(.file, "\(device): nothing is kept on disk; set NEEDLETAIL_CACHE to a directory")
        }
        return try state.withLock { (state) throws(TensorError) in
            var table = state.library.tuning ?? TuningTable(device: identity)
            for choice in choices { table.schedules[choice.spec.tuningKey] = choice.schedule }
            state.library = ShaderLibrary(target: target, tuning: table)
            state.plans = [:]
            try table.write(to: file)
            return file.path
        }
    }
}
