import Needletail
import TensorGraph
import TensorRuntime

/// Times training steps in windows, each closed by a synchronisation, so that a step's time holds all its work.
public struct StepTimer: Sendable {
    /// Steps of a window.
    public static let window = 50

    /// All steps.
    public private(set) var steps = 0
    /// From the first to the last step of each epoch, the last synchronisation included.
    public private(set) var seconds = 0.0
    /// What the runtime did in that time.
    public private(set) var statistics = ExecutionStatistics()
    /// Launches of a step, in the last full window or, without one, on average.
    public var launchesPerStep: Double {
        windowLaunches ?? (steps > 0 ? Double(statistics.launches) / Double(steps) : 0)
    }

    /// Microseconds of a step spent on tracing, signature, look-up and binding; nil before the first.
    package var hostMicroseconds: Double? {
        steps > 0 ? Double(statistics.hostNanoseconds(ofSteps: stepping)) / 1000 / Double(steps) : nil
    }

    private var stepping = Duration.zero
    private var windowLaunches: Double?
    private var windows: [Double] = []
    private var started = ContinuousClock.now
    private var windowStarted = ContinuousClock.now
    private var stepsInWindow = 0
    private var before = ExecutionStatistics()
    private var windowBefore = ExecutionStatistics()

    /// A timer that has seen no step.
    public init() {}

    /// Milliseconds of a step: the median of the windows, or the mean where there were too few steps for one.
    public var medianMilliseconds: Double? {
        guard !windows.isEmpty else { return steps > 0 ? 1000 * seconds / Double(steps) : nil }
        let sorted = windows.sorted()
        let middle = sorted.count / 2
        let median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        return 1000 * median / Double(StepTimer.window)
    }

    /// Begins an epoch. The device has nothing to do.
    mutating func start(_ statistics: ExecutionStatistics) {
        before = statistics
        windowBefore = statistics
        stepsInWindow = 0
        started = .now
        windowStarted = started
    }

    /// Runs a step's tracing and submits its work.
    mutating func step(_ body: () throws -> Void) rethrows {
        stepping += try ContinuousClock().measure(body)
    }

    /// Says that a step has been submitted.
    mutating func count(_ context: DeviceContext) throws(TensorError) {
        steps += 1
        stepsInWindow += 1
        guard stepsInWindow == StepTimer.window else { return }
        try context.synchronize()
        let now = ContinuousClock.now
        windows.append((now - windowStarted) / .seconds(1))
        let statistics = context.statistics
        windowLaunches = Double((statistics - windowBefore).launches) / Double(StepTimer.window)
        windowBefore = statistics
        windowStarted = now
        stepsInWindow = 0
    }

    /// Ends an epoch.
    mutating func stop(_ context: DeviceContext) throws(TensorError) {
        try context.synchronize()
        seconds += (ContinuousClock.now - started) / .seconds(1)
        let spent = context.statistics - before
        statistics.plansBuilt += spent.plansBuilt
        statistics.planHits += spent.planHits
        statistics.launches += spent.launches
        statistics.nodes += spent.nodes
        statistics.hostNanoseconds += spent.hostNanoseconds
        statistics.evaluationNanoseconds += spent.evaluationNanoseconds
        statistics.driverAllocations += spent.driverAllocations
    }
}
