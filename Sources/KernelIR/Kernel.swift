import TensorRuntime

/// A kernel: what every work-item of every workgroup does. Straight-line values in static single assignment, mutable
/// variables, and structured control flow; printers turn it into a device's language and add nothing.
///
/// Make one with ``KernelBuilder``; ``validate()`` says what is wrong with it.
public struct Kernel: Hashable, Sendable {
    public enum Access: UInt8, Hashable, Sendable {
        case read, write, readWrite
    }

    /// Device memory that is bound at a launch, from any element on: index 0 is the operand's first element.
    public struct Buffer: Hashable, Sendable {
        public var name: String
        public var element: DType
        public var access: Access
        /// Whether it may be larger than what a device binds: it is reached by its address.
        public var isFar = false
    }

    /// A number given at a launch.
    public struct Argument: Hashable, Sendable {
        public var name: String
        public var scalar: ScalarType
    }

    /// Memory that the work-items of one workgroup share.
    public struct SharedArray: Hashable, Sendable {
        public var name: String
        public var scalar: ScalarType
        public var count: Int
    }

    /// A valid identifier of C.
    public var name: String
    public var workgroupSize: SIMD3<Int>
    public var buffers: [Buffer] = []
    public var arguments: [Argument] = []
    public var arrays: [SharedArray] = []
    /// The type of each mutable variable. A variable holds nothing until it is assigned.
    public var variables: [ValueType] = []
    /// The type of each value.
    public var types: [ValueType] = []
    public var body: [Statement] = []

    public init(name: String, workgroupSize: SIMD3<Int> = [1, 1, 1]) {
        self.name = name
        self.workgroupSize = workgroupSize
    }
}

/// A step of a kernel. A value is known to the statements that follow in its block, and in blocks inside those.
public indirect enum Statement: Hashable, Sendable {
    case define(value: Int, Operation)
    case assign(variable: Int, value: Int)
    /// Writes the lanes of a value to consecutive elements.
    case store(buffer: Int, index: Int, value: Int)
    /// Writes the bytes of an int32 element that are set in the mask. Other work-items may write its other bytes at once, so
    /// that a device does it by atomic operations: takes the mask's bits away, then adds the value's.
    case storeBits(buffer: Int, index: Int, mask: Int, value: Int)
    case storeShared(array: Int, index: Int, value: Int)
    case loop(Loop)
    case branch(condition: Int, then: [Statement], otherwise: [Statement])
    /// Waits for all work-items of the workgroup; what they wrote to shared arrays is then seen by all. All of them must
    /// come to the same one.
    case barrier
}

/// `for counter in stride(from: start, to: end, by: step)`. Counter, start, end and step share an integer type, and the
/// step is positive.
public struct Loop: Hashable, Sendable {
    public var counter: Int
    public var start: Int
    public var end: Int
    public var step: Int
    /// Asks the device's compiler to unroll the body.
    public var unrolls: Bool
    public var body: [Statement]
}

extension Kernel {
    /// Bytes of workgroup memory.
    public var sharedByteCount: Int { arrays.reduce(0) { $0 + $1.count * $1.scalar.byteCount } }

    /// Visits every statement, those of inner blocks after the one that holds them.
    public func forEachStatement(_ visit: (Statement) -> Void) {
        func walk(_ block: [Statement]) {
            for statement in block {
                visit(statement)
                switch statement {
                case .loop(let loop): walk(loop.body)
                case .branch(_, let then, let otherwise):
                    walk(then)
                    walk(otherwise)
                case .define, .assign, .store, .storeBits, .storeShared, .barrier: break
                }
            }
        }
        walk(body)
    }
}
