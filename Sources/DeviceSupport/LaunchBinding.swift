import KernelIR
import Shaders
import TensorRuntime

extension ShaderLaunch {
    /// An empty grid is not launched.
    public var hasWork: Bool { workgroups.min() > 0 }
}

/// What the parameters of a launch are bound to: from the names of a ``ShaderLaunch`` to the order of its kernel.
///
/// Resolved once, when the kernel is made. A driver then asks, at each launch, for each buffer by its number among the
/// kernel's buffers, and for each number that varies.
public struct LaunchBinding: Sendable {
    struct Buffer: Sendable {
        let source: ShaderLaunch.Buffer
        let elementByteCount: Int
    }

    /// An argument whose value is the same at every launch.
    public struct Constant: Sendable {
        /// Its number among the kernel's arguments.
        public let argument: Int
        public let scalar: ScalarType
        /// The value, as the lowest bytes of a word.
        public let bits: UInt64
    }

    /// An argument that each launch is given.
    public struct Varying: Sendable {
        /// Its number among the kernel's arguments.
        public let argument: Int
        public let scalar: ScalarType
        let source: ShaderLaunch.Argument
        /// The type in which a slot is read.
        let dtype: DType
    }

    /// The kernel's name, for messages.
    public let name: String
    let buffers: [Buffer]
    public let constants: [Constant]
    public let varying: [Varying]

    /// The number of the kernel's buffers.
    public var bufferCount: Int { buffers.count }

    /// - Parameter kernel: the launch's, with or without its body.
    /// - Throws: `deviceFailure` where the launch says nothing of a parameter.
    public init(_ launch: ShaderLaunch, of kernel: Kernel, spec: KernelSpec) throws(TensorError) {
        name = kernel.name
        var buffers: [Buffer] = []
        for buffer in kernel.buffers {
            guard let source = launch.buffers[buffer.name] else {
                throw TensorError(.deviceFailure, "kernel \(kernel.name): nothing is bound to buffer \(buffer.name)")
            }
            buffers.append(Buffer(source: source, elementByteCount: buffer.element.byteCount))
        }
        self.buffers = buffers
        let types = spec.body.scalarTypes
        var constants: [Constant] = []
        var varying: [Varying] = []
        for (number, argument) in kernel.arguments.enumerated() {
            guard let source = launch.arguments[argument.name] else {
                throw TensorError(
                    .deviceFailure, "kernel \(kernel.name): nothing is given to argument \(argument.name)")
            }
            switch source {
            case .integer(let value):
                constants.append(
                    Constant(argument: number, scalar: argument.scalar, bits: argument.scalar.argumentBits(value)))
            case .offset:
                varying.append(
                    Varying(argument: number, scalar: argument.scalar, source: source, dtype: .int64))
            case .scalar(let slot):
                varying.append(
                    Varying(argument: number, scalar: argument.scalar, source: source, dtype: types[slot]))
            }
        }
        self.constants = constants
        self.varying = varying
    }

    /// The buffer bound to one of the kernel's, and the element of the kernel's type at which it begins.
    ///
    /// - Parameter bindings: the family's operands, then the workspace where there is one.
    public func buffer(
        _ number: Int, _ bindings: UnsafeBufferPointer<BufferBinding>
    ) -> (buffer: any DeviceBuffer, offset: Int) {
        let parameter = buffers[number]
        let binding: BufferBinding
        let offset: Int
        switch parameter.source {
        case .operand(let operand):
            binding = bindings[operand]
            offset = binding.offset
        case .workspace(let byteOffset):
            binding = bindings[bindings.count - 1]
            offset = (binding.offset + byteOffset) / parameter.elementByteCount
        }
        guard let buffer = binding.buffer else { preconditionFailure("\(name): a binding has no buffer") }
        return (buffer, offset)
    }

    /// What a varying argument is at a launch, as the lowest bytes of a word.
    public func bits(
        _ parameter: Varying, _ bindings: UnsafeBufferPointer<BufferBinding>, _ scalars: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        switch parameter.source {
        case .integer(let value): parameter.scalar.argumentBits(value)
        case .offset(let operand): parameter.scalar.argumentBits(bindings[operand].offset)
        case .scalar(let slot): parameter.scalar.argumentBits(slot: scalars[slot], as: parameter.dtype)
        }
    }
}
