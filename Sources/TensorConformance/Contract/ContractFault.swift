import TensorRuntime

/// One way in which a backend can break the contract without a wrong number from any kernel.
public enum ContractFault: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Copies or launches begin at the buffer's first byte, whatever the offset.
    case copyInOffsetIgnored, copyOutOffsetIgnored, operandOffsetIgnored
    /// The source of a copy is read when the next work is given.
    case sourceReadLate
    /// `copyOut` gives what is there at once.
    case copyOutDoesNotWait
    /// What is encoded after a submission is lost, until somebody waits.
    case oneSubmissionOnly
    /// Nobody waits for what was submitted.
    case synchronizeDoesNothing
    /// An event is complete at once, and nobody waits for it.
    case recordDoesNothing
    /// An event says that it is complete before the work is done.
    case eventIsCompleteAtOnce
    /// Nobody waits for an event's work.
    case eventSynchronizeDoesNothing
    /// A stream goes on without the event's work.
    case waitDoesNothing
    /// Events cannot be made, or not waited for.
    case recordThrows, waitThrows
    /// Of the events that a stream was told to wait for before its next work, only the last counts.
    case lastWaitOnly
    /// One stream waits for an event, and no other after it.
    case eventServesOnce
    /// An event with a time is complete at once.
    case timedRecordDoesNothing
    /// A later event has an earlier time.
    case timesRunBackwards
    /// An event tells its time before it is complete.
    case timeToldEarly
    /// Times that streams have each for themselves.
    case timesOfEachStream
    /// Work does not keep its buffers.
    case buffersNotKept
    /// A list of launches that comes again is what it was the first time, or nothing.
    case listRemembered, listRunsOnce
    /// A launch takes the operands and scalars that were given last, by whatever thread.
    case argumentsShared
    /// A buffer too large gives another error than the one after which the allocator tries again.
    case outOfMemoryIsAFailure
    /// Any kernel is made.
    case everyKernelMade
    /// There is never a reason against a kernel.
    case noReasonGiven
    /// Any kernel is launched, and does nothing.
    case foreignLaunchTaken
    /// After a launch was refused, the stream does nothing more.
    case refusalSpoilsStream

    public var description: String { rawValue }

    /// The check that finds it.
    public var check: ContractCheck {
        switch self {
        case .copyInOffsetIgnored, .copyOutOffsetIgnored: .copyOffsets
        case .operandOffsetIgnored: .operandOffsets
        case .sourceReadLate: .order
        case .copyOutDoesNotWait, .oneSubmissionOnly: .submitWithoutSynchronize
        case .synchronizeDoesNothing: .synchronize
        case .recordDoesNothing, .eventIsCompleteAtOnce, .eventSynchronizeDoesNothing, .recordThrows: .events
        case .waitDoesNothing, .waitThrows: .waits
        case .lastWaitOnly, .eventServesOnce: .sharedEvents
        case .timedRecordDoesNothing, .timesRunBackwards, .timeToldEarly, .timesOfEachStream: .times
        case .buffersNotKept: .releasedBuffers
        case .listRemembered, .listRunsOnce: .launchLists
        case .argumentsShared: .kernelsOnThreads
        case .outOfMemoryIsAFailure: .outOfMemory
        case .everyKernelMade, .noReasonGiven: .refusedKernels
        case .foreignLaunchTaken, .refusalSpoilsStream: .refusedLaunches
        }
    }
}
