import TensorRuntime

/// A promise of `Device` and its streams that no kernel's numbers show.
public enum ContractCheck: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Copies begin at their byte offset, however odd, and touch their bytes only.
    case copyOffsets
    /// Operands of every type lie anywhere in a larger buffer, two of them in one.
    case operandOffsets
    /// Copies and launches of one stream happen in their order, and a source is free when `copyIn` returns.
    case order
    /// `copyOut` waits for what was encoded, and several submissions need no wait between them.
    case submitWithoutSynchronize
    /// What was submitted is done when `synchronize` returns, for other streams too.
    case synchronize
    /// An event is complete when the work before it is done, not earlier; waiting for it needs no `submit`.
    case events
    /// Work behind `wait` sees what came before the event, on its own stream and on another.
    case waits
    /// Any number of streams wait for one event, at any time, and one stream for any number of events.
    case sharedEvents
    /// Where events have times, those of one device follow the order of the work; an event with a time is one like others.
    case times
    /// A buffer may be released while encoded work uses it.
    case releasedBuffers
    /// A list of launches does what they do one by one, each time with the operands and scalars that it has then; it keeps its
    /// buffers, and is kept by its work.
    case launchLists
    /// A kernel is used by several streams at once, each with operands and scalars of its own.
    case kernelsOnThreads
    /// Memory that is not there is `outOfMemory`, and no loss.
    case outOfMemory
    /// What the device does not have is refused with a reason.
    case refusedKernels
    /// A launch that is refused leaves the stream as it was.
    case refusedLaunches

    public var description: String { rawValue }

    func run(on device: any Device) throws {
        let bench = try ContractBench(device)
        switch self {
        case .copyOffsets: try bench.checkCopyOffsets()
        case .operandOffsets: try bench.checkOperandOffsets()
        case .order: try bench.checkOrder()
        case .submitWithoutSynchronize: try bench.checkSubmissions()
        case .synchronize: try bench.checkSynchronize()
        case .events: try bench.checkEvents()
        case .waits: try bench.checkWaits()
        case .sharedEvents: try bench.checkSharedEvents()
        case .times: try bench.checkTimes()
        case .releasedBuffers: try bench.checkReleasedBuffers()
        case .launchLists: try bench.checkLaunchLists()
        case .kernelsOnThreads: try bench.checkKernelsOnThreads()
        case .outOfMemory: try bench.checkOutOfMemory()
        case .refusedKernels: try bench.checkRefusedKernels()
        case .refusedLaunches: try bench.checkRefusedLaunches()
        }
    }
}

/// What a device did instead of what it promised.
struct ContractViolation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension ConformanceSuite {
    /// Checks what the contract promises beside the numbers of kernels, one row for each ``ContractCheck``. An error that
    /// the device throws is a failure.
    public func runContract(on device: any Device) -> [ConformanceResult] {
        ContractCheck.allCases.map { check in
            var outcome = ConformanceResult.Outcome.passed
            do {
                try check.run(on: device)
            } catch {
                outcome = .failed("\(error)")
            }
            return ConformanceResult(
                name: "contract/\(check)", tags: [], family: ContractCheck.family, outcome: outcome, error: 0, digest: 0
            )
        }
    }
}

extension ContractCheck {
    /// Under which results of these checks stand: no family of kernels.
    static let family = KernelFamily(rawValue: "contract")
}
