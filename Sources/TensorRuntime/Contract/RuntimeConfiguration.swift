import Foundation

/// Every mode of the runtime. Environment variables only fill the defaults, and are read here alone.
///
/// What belongs to one backend alone is among its ``options``, by the backend's name.
public struct RuntimeConfiguration: Sendable {
    /// `NEEDLETAIL_DEVICE`: the default device, `auto` or a ``DeviceID``.
    public var device: String = "auto"
    /// `NEEDLETAIL_BACKENDS`: the backends whose devices are looked for beside the CPU, separated by commas; nil means all.
    public var backends: [String]?
    /// What each backend is told, by its name; read when a device is opened, and by a probe what that needs.
    public var options = BackendOptions()
    /// `NEEDLETAIL_CACHE`: where compiled programs, tuning tables and measurements are kept, `none` for nowhere; unset it is
    /// `needletail` in `XDG_CACHE_HOME` or `~/.cache`. Nil keeps none.
    public var cacheDirectory: String?
    /// `NEEDLETAIL_QUIRKS`: ways around drivers' faults that are forced on or off, whatever the driver is, as in
    /// `opencl.one-queue=off`; several are separated by commas.
    public var quirks: [String: Bool] = [:]
    /// `NEEDLETAIL_PROFILE=1`: keep the time of every dispatch, where the device can tell it.
    public var profiles = false
    /// Told, in a line of text, what keeps the user waiting; silent unless a program sets it.
    public var notice: (@Sendable (String) -> Void)?
    /// `NEEDLETAIL_DATA`: where datasets are.
    public var dataDirectory: String?
    /// `NEEDLETAIL_EAGER=1`: evaluate after every operation.
    public var eager = false
    /// `NEEDLETAIL_FUSION=0`: one kernel per node.
    public var fusion = true
    /// `NEEDLETAIL_CHECK_NAN=1`: fail at the operation that made the first NaN.
    public var checksNaN = false
    /// `NEEDLETAIL_VERIFY_PLANS=1`: check each plan against its trace when it is made. The tests do.
    public var verifiesPlans = RuntimeConfiguration.verifiesPlansByDefault
    /// The number of pending nodes at which a trace is evaluated unasked.
    public var traceLimit = 50_000
    /// The bytes of pending values that have to be stored (products, convolutions, ...) above which a trace is evaluated
    /// unasked; nil means a quarter of the device's memory.
    public var traceByteLimit: Int?
    /// About so many bytes of plans, their kernels and signatures are kept; those used longest ago go first.
    public var planCacheByteLimit = 256 << 20
    /// What is wrong with the environment, a line a variable, backends' options apart. No device opens while there is any.
    public private(set) var problems: [String] = []

    /// The defaults. Of the environment only `NEEDLETAIL_VERIFY_PLANS` counts, so that tests verify whatever they make.
    public init() {}

    /// The defaults as the environment fills them. A variable that is empty counts as one that is not set.
    public init(environment: [String: String]) {
        options = BackendOptions(environment: environment)
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        /// The variable's value, read by `parse`; one that it cannot read is a problem.
        func read<Value>(_ name: String, accepts: String, _ parse: (String) -> Value?) -> Value? {
            guard let found = text(name) else { return nil }
            if let value = parse(found) { return value }
            problems.append("\(name) is '\(found)', but must be \(accepts)")
            return nil
        }
        func flag(_ name: String) -> Bool? {
            read(name, accepts: "0, 1, true or false") { ["0": false, "false": false, "1": true, "true": true][$0] }
        }
        device = text("NEEDLETAIL_DEVICE") ?? device
        backends = read("NEEDLETAIL_BACKENDS", accepts: "names of backends, separated by commas: cpu,vulkan") { text in
            let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return names.contains("") ? nil : names
        }
        cacheDirectory = RuntimeConfiguration.cacheDirectory(environment)
        quirks =
            read(
                "NEEDLETAIL_QUIRKS", accepts: "names with =on or =off, separated by commas: opencl.one-queue=off",
                RuntimeConfiguration.quirks) ?? quirks
        profiles = flag("NEEDLETAIL_PROFILE") ?? profiles
        dataDirectory = text("NEEDLETAIL_DATA")
        eager = flag("NEEDLETAIL_EAGER") ?? eager
        fusion = flag("NEEDLETAIL_FUSION") ?? fusion
        checksNaN = flag("NEEDLETAIL_CHECK_NAN") ?? checksNaN
        verifiesPlans = flag("NEEDLETAIL_VERIFY_PLANS") ?? false
    }

    /// - Parameter backends: whose options are looked at.
    /// - Throws: `invalidArgument` with every problem, in one line.
    public func check(_ backends: [any Backend] = BackendRegistry.shared.backends) throws(TensorError) {
        let found = options.problems(of: backends)
        let told = [("environment", problems + found.environment), ("options", found.program)].filter { !$0.1.isEmpty }
        if told.isEmpty { return }
        throw TensorError(
            .invalidArgument, told.map { "\($0): " + $1.joined(separator: "; ") }.joined(separator: "; "))
    }

    /// `name=on,name=off`; nil where a part is neither, or a name comes twice.
    private static func quirks(_ text: String) -> [String: Bool]? {
        var result: [String: Bool] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 2, let isOn = ["on": true, "off": false][words[1]], !words[0].isEmpty,
                result.updateValue(isOn, forKey: words[0]) == nil
            else { return nil }
        }
        return result
    }

    private static func cacheDirectory(_ environment: [String: String]) -> String? {
        if let named = environment["NEEDLETAIL_CACHE"], !named.isEmpty {
            if named == "none" { return nil }
            // Absolute, so that it stays the same when the program changes its working directory.
            return named.hasPrefix("/") ? named : "\(FileManager.default.currentDirectoryPath)/\(named)"
        }
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return base + "/needletail" }
        return environment["HOME"].map { $0 + "/.cache/needletail" }
    }

    /// Of a configuration made by hand, so that all of a test process's contexts verify.
    private static let verifiesPlansByDefault =
        ["1", "true"].contains(ProcessInfo.processInfo.environment["NEEDLETAIL_VERIFY_PLANS"])

    private static let stored = Lock(RuntimeConfiguration(environment: ProcessInfo.processInfo.environment))

    /// The process's configuration. Set it before the first device is opened.
    public static var current: RuntimeConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
