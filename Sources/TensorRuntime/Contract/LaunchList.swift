import Synchronization

/// Launches that a stream is given again and again in one order, as a captured step is: between two times some operands and
/// scalars change.
///
/// A stream can keep beside the list what it made of it (``kept``), so that next time only what changed is looked at.
public final class LaunchList: @unchecked Sendable {
    // Safety: used by one thread at a time, under the lock of the graph that has it.

    /// One launch of the list.
    public struct Launch {
        /// What is launched.
        public let kernel: any DeviceKernel
        /// Where its bindings stand among the list's.
        public let bindings: Range<Int>
        /// Where its scalars stand among the list's.
        public let scalars: Range<Int>
        /// Stands for its operands and scalars as they are: another number once one of them changes, and no other launch's.
        public fileprivate(set) var state: UInt64
    }

    /// The launches, in order.
    @exclusivity(unchecked) public private(set) var launches: [Launch] = []
    /// The bindings of all launches, one launch's behind the other's.
    @exclusivity(unchecked) public private(set) var bindings: [BufferBinding] = []
    /// The scalars of all launches.
    @exclusivity(unchecked) public private(set) var scalars: [UInt64] = []
    /// Of which launch each of them is.
    @exclusivity(unchecked) private var launchOfBinding: [Int] = []
    @exclusivity(unchecked) private var launchOfScalar: [Int] = []
    /// What the stream that was given the list last keeps of it; another stream puts its own in its place.
    public var kept: AnyObject?

    private static let states = Atomic<UInt64>(0)

    /// An empty list.
    public init() {}

    /// Adds a launch behind the others.
    public func append(
        _ kernel: any DeviceKernel, bindings: some Collection<BufferBinding>, scalars: some Collection<UInt64>
    ) {
        let (firstBinding, firstScalar) = (self.bindings.count, self.scalars.count)
        self.bindings += bindings
        self.scalars += scalars
        launchOfBinding += repeatElement(launches.count, count: bindings.count)
        launchOfScalar += repeatElement(launches.count, count: scalars.count)
        launches.append(
            Launch(
                kernel: kernel, bindings: firstBinding..<self.bindings.count, scalars: firstScalar..<self.scalars.count,
                state: LaunchList.nextState()))
    }

    /// Replaces a binding of a launch.
    ///
    /// - Parameter number: among all of the list's.
    public func bind(_ number: Int, to binding: BufferBinding) {
        if bindings[number].buffer === binding.buffer, bindings[number].offset == binding.offset { return }
        bindings[number] = binding
        launches[launchOfBinding[number]].state = LaunchList.nextState()
    }

    /// Replaces a scalar of a launch.
    ///
    /// - Parameter number: among all of the list's.
    public func set(_ number: Int, to bits: UInt64) {
        if scalars[number] == bits { return }
        scalars[number] = bits
        launches[launchOfScalar[number]].state = LaunchList.nextState()
    }

    private static func nextState() -> UInt64 { states.add(1, ordering: .relaxed).newValue }

    /// Calls `body`, which must not change the list, with the bindings and the scalars of one of its launches.
    public func withOperands<Result, Failure: Error>(
        of launch: Launch,
        _ body: (UnsafeBufferPointer<BufferBinding>, UnsafeBufferPointer<UInt64>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bindings.withUnsafeBufferPointer { (bindings) throws(Failure) in
            try scalars.withUnsafeBufferPointer { (scalars) throws(Failure) in
                try body(
                    UnsafeBufferPointer(rebasing: bindings[launch.bindings]),
                    UnsafeBufferPointer(rebasing: scalars[launch.scalars]))
            }
        }
    }
}
