/// What is wrong with a kernel, or with one run of it: the kernel, the statement, and where it runs, the work-item.
public struct KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable {
        /// A name that is no identifier, is reserved, or is given twice.
        case name
        /// An extent that is not positive: of a workgroup, of a shared array.
        case extent
        /// A number that names no value, buffer, argument, array or variable.
        case reference
        /// A value that is used where it is not defined, or defined twice.
        case scope
        /// A type that an operation does not take or give.
        case type
        /// A constant out of its range: of its type, a step, a shift, a divisor, a lane, an axis.
        case constant
        /// A load from memory that is only written, or a store to memory that is only read.
        case access
        /// An index outside its buffer or array.
        case bounds
        /// A vector of a shared array at an index that is no multiple of its width.
        case alignment
        /// Something that is read before it is written.
        case uninitialized
        /// A barrier or a subgroup operation that not all work-items come to together.
        case divergence
        /// Two work-items at one element with nothing between them, one of which writes it.
        case race
        /// An integer division by 0, or of the smallest integer by -1.
        case division
        /// A shift by less than 0 or by as many bits as the type has.
        case shift
        /// A loop's counter that leaves its type.
        case overflow
        /// Loops that turn more often than they may.
        case turns
        /// Something that the kernel needs and its target lacks.
        case target
        /// A launch that does not fit the kernel.
        case launch
    }

    /// A place in a launch.
    public struct WorkItem: Hashable, Sendable {
        public var workgroup: SIMD3<Int>
        public var local: SIMD3<Int>
    }

    public let kind: Kind
    public let kernel: String
    /// The statement's line in the kernel's text; nil where the kernel as a whole is wrong.
    public let statement: String?
    public let workItem: WorkItem?
    public let message: String

    public var description: String {
        var result = "kernel \(kernel): "
        if let statement { result += "`\(statement)`: " }
        result += message
        if let item = workItem {
            let workgroup = (0..<3).map { "\(item.workgroup[$0])" }.joined(separator: ", ")
            let local = (0..<3).map { "\(item.local[$0])" }.joined(separator: ", ")
            result += " (work-item (\(local)) of workgroup (\(workgroup)))"
        }
        return result
    }
}
