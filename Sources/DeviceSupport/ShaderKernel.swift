import Shaders
import TensorRuntime

/// A launch as a driver makes it.
public protocol ShaderDispatch: Sendable {
    /// What the driver was given for its launch, as text for people; nil of a further piece of one, and where that is no more
    /// than the kernel says.
    var listing: String? { get }
}

/// A kernel for one spec: one dispatch, or several in a row.
public final class ShaderKernel<Dispatch: ShaderDispatch>: DeviceKernel {
    public let spec: KernelSpec
    public let workspaceByteCount: Int
    public let dispatches: [Dispatch]
    private let launches: [ShaderLaunch]
    public var dispatchCount: Int { dispatches.count }

    /// - Parameter launches: those of the plan that have work.
    public init(_ spec: KernelSpec, _ plan: ShaderPlan, launches: [ShaderLaunch], dispatches: [Dispatch]) {
        self.spec = spec
        workspaceByteCount = plan.workspaceByteCount
        self.launches = launches
        self.dispatches = dispatches
    }

    public var listing: String {
        let texts = launches.map { launch in
            let grid = (0..<3).map { String(launch.workgroups[$0]) }.joined(separator: "x")
            return "schedule \(launch.key.schedule), \(grid) workgroups\n\(launch.build())"
        }
        let programs = dispatches.compactMap(\.listing)
        let parts = programs.isEmpty ? texts : zip(texts, programs).flatMap { [$0, $1] }
        return ([spec.listing] + parts).joined(separator: "\n")
    }
}

/// A point before which nothing is left to do.
public final class PastEvent: DeviceEvent {
    public init() {}
    public var isComplete: Bool { true }
    public func synchronize() throws(TensorError) {}
}
