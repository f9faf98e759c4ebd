import Foundation
import Synchronization

/// Every mode of the runtime. Environment variables only fill the defaults, and are read here alone.
///
/// What belongs to a device instance (instruction set, threads, BLAS, schedule class) is read when the device is opened.
public struct RuntimeConfiguration: Sendable {
    /// The instruction set of the CPU backend's kernels.
    public enum InstructionSet: String, Sendable, CaseIterable {
        /// What the processor has.
        case automatic = "auto"
        case baseline, avx2, avx512
    }

    /// The kind of schedule of kernels written in KernelIR.
    public enum ScheduleClass: String, Sendable, CaseIterable {
        /// What suits the device.
        case automatic = "auto"
        case gpu, cpu
    }

    /// `NEEDLETAIL_DEVICE`: the default device, `auto` or a ``DeviceID``.
    public var device: String = "auto"
    /// `NEEDLETAIL_BACKENDS`: the backends whose devices are looked for beside the CPU, separated by commas; nil means all.
    public var backends: [String]?
    /// `NEEDLETAIL_THREADS`: threads of the CPU backend; nil means the number the cgroup allows.
    public var threads: Int?
    /// The most that ``threads`` may be.
    public static let maximumThreads = 4096
    /// `NEEDLETAIL_ISA`: `auto`, `baseline`, `avx2`, `avx512`.
    public var instructionSet: InstructionSet = .automatic
    /// `NEEDLETAIL_BLAS`: a library to open in place of the system's, or `none` for the built-in matmul. Whichever it is, it
    /// computes the products for which it measures faster than the own kernels.
    public var blas: String?
    /// `NEEDLETAIL_OPENCL`: the OpenCL loader to open in place of the system's, or `none` for no OpenCL.
    public var openCLLoader: String?
    /// Where that loader looks for drivers (it reads `OCL_ICD_VENDORS` and `OPENCL_VENDOR_PATH` itself): a directory, or
    /// one file of it. Used only to say why a driver is missing.
    public var openCLVendors: String?
    /// `NEEDLETAIL_VULKAN`: the Vulkan loader to open in place of the system's, or `none` for no Vulkan.
    public var vulkanLoader: String?
    /// The drivers that this loader is told to take (it reads `VK_DRIVER_FILES` and `VK_ICD_FILENAMES` itself): files separated
    /// by colons. Used only to say why a driver is missing.
    public var vulkanDrivers: String?
    /// `NEEDLETAIL_SCHEDULE_CLASS`: `auto`, `gpu`, `cpu`.
    public var scheduleClass: ScheduleClass = .automatic
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
    /// What is wrong with the environment, a line a variable. No device opens while there is any.
    public private(set) var problems: [String] = []

    public init() {}

    /// The defaults as the environment fills them. A variable that is empty counts as one that is not set.
    public init(environment: [String: String]) {
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
        let most = RuntimeConfiguration.maximumThreads
        threads = read("NEEDLETAIL_THREADS", accepts: "a whole number of 1 to \(most)") { text in
            Int(text).flatMap { (1...most).contains($0) ? $0 : nil }
        }
        let sets = InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
        instructionSet = read("NEEDLETAIL_ISA", accepts: "one of \(sets)", InstructionSet.init) ?? instructionSet
        blas = text("NEEDLETAIL_BLAS")
        openCLLoader = text("NEEDLETAIL_OPENCL")
        openCLVendors = text("OCL_ICD_VENDORS") ?? text("OPENCL_VENDOR_PATH")
        vulkanLoader = text("NEEDLETAIL_VULKAN")
        vulkanDrivers = text("VK_DRIVER_FILES") ?? text("VK_ICD_FILENAMES")
        let classes = ScheduleClass.allCases.map(\.rawValue).joined(separator: ", ")
        scheduleClass =
            read("NEEDLETAIL_SCHEDULE_CLASS", accepts: "one of \(classes)", ScheduleClass.init) ?? scheduleClass
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

    /// - Throws: `invalidArgument` with every problem, in one line.
    public func check() throws(TensorError) {
        if problems.isEmpty { return }
        throw TensorError(.invalidArgument, "environment: " + problems.joined(separator: "; "))
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

    private static let stored = Mutex(RuntimeConfiguration(environment: ProcessInfo.processInfo.environment))

    /// The process's configuration. Set it before the first device is opened.
    public static var current: RuntimeConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
