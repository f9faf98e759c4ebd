import KernelIR
import Shaders
import TensorRuntime

extension ShaderLaunch {
    /// An empty grid is not launched.
    public var hasWork: Bool { workgroups.min() > 0 }
}

/// What the parameters of a launch are bound to: from the names of a ``ShaderLaunch`` to the order of its kernel, as the
/// device runs it.
///
/// Resolved once, when the kernel is made. A driver then asks, at each launch, for each buffer by its number among the
/// kernel's buffers, and for each number that varies.
public struct LaunchBinding: Sendable {
    struct Buffer: Sendable {
        let source: ShaderLaunch.Buffer
        /// Bytes of an element as the library wrote the kernel, and as the device runs it.
        let sourceByteCount: Int
        let elementByteCount: Int
    }

    /// Which part of a number of the library's kernel an argument is.
    enum Part: Sendable {
        case whole, lowWord, highWord

        func of(_ bits: UInt64) -> UInt64 {
            switch self {
            case .whole: bits
            case .lowWord: bits & 0xFFFF_FFFF
            case .highWord: bits >> 32
            }
        }
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
        enum Source: Sendable {
            case offset(operand: Int, ScalarType, Part)
            /// A slot, and the type in which it is read.
            case scalar(slot: Int, DType, ScalarType, Part)
            /// Which of its word's elements the first one of a buffer is.
            case position(buffer: Int)
        }

        /// Its number among the kernel's arguments.
        public let argument: Int
        public let scalar: ScalarType
        let source: Source
    }

    /// The kernel's name, for messages.
    public let name: String
    let buffers: [Buffer]
    public let constants: [Constant]
    public let varying: [Varying]

    /// The number of the kernel's buffers.
    public var bufferCount: Int { buffers.count }

    /// - Parameters:
    ///   - kernel: the launch's, with or without its body.
    ///   - form: the same as the device runs it; nil where that is no other.
    /// - Throws: `deviceFailure` where the launch says nothing of a parameter.
    public init(
        _ launch: ShaderLaunch, of kernel: Kernel, as form: LegalizedKernel? = nil, spec: KernelSpec
    ) throws(TensorError) {
        name = kernel.name
        let runs = form?.kernel ?? kernel
        var buffers: [Buffer] = []
        for (buffer, run) in zip(kernel.buffers, runs.buffers) {
            guard let source = launch.buffers[buffer.name] else {
                throw TensorError(.deviceFailure, "kernel \(kernel.name): nothing is bound to buffer \(buffer.name)")
            }
            buffers.append(
                Buffer(
                    source: source, sourceByteCount: buffer.element.byteCount, elementByteCount: run.element.byteCount))
        }
        self.buffers = buffers
        let types = spec.body.scalarTypes
        var constants: [Constant] = []
        var varying: [Varying] = []
        for (number, argument) in runs.arguments.enumerated() {
            let original: Int
            let part: Part
            switch form?.arguments[number] ?? .argument(number) {
            case .argument(let number): (original, part) = (number, .whole)
            case .lowWord(let number): (original, part) = (number, .lowWord)
            case .highWord(let number): (original, part) = (number, .highWord)
            case .position(let buffer):
                varying.append(Varying(argument: number, scalar: argument.scalar, source: .position(buffer: buffer)))
                continue
            }
            let (name, scalar) = (kernel.arguments[original].name, kernel.arguments[original].scalar)
            switch launch.arguments[name] {
            case .integer(let value):
                let bits = part.of(scalar.argumentBits(value))
                constants.append(Constant(argument: number, scalar: argument.scalar, bits: bits))
            case .offset(let operand):
                let source = Varying.Source.offset(operand: operand, scalar, part)
                varying.append(Varying(argument: number, scalar: argument.scalar, source: source))
            case .scalar(let slot):
                let source = Varying.Source.scalar(slot: slot, types[slot], scalar, part)
                varying.append(Varying(argument: number, scalar: argument.scalar, source: source))
            case nil:
                throw TensorError(.deviceFailure, "kernel \(kernel.name): nothing is given to argument \(name)")
            }
        }
        self.constants = constants
        self.varying = varying
    }

    /// What one of the kernel's buffers is bound to.
    public func source(ofBuffer number: Int) -> ShaderLaunch.Buffer { buffers[number].source }

    /// The buffer bound to one of the kernel's, and the element of the kernel's type at which it begins.
    ///
    /// - Parameter bindings: the family's operands, then the workspace where there is one.
    public func buffer(
        _ number: Int, _ bindings: UnsafeBufferPointer<BufferBinding>
    ) -> (buffer: any DeviceBuffer, offset: Int) {
        let parameter = buffers[number]
        let (binding, offset) = start(parameter, bindings)
        guard let buffer = binding.buffer else { preconditionFailure("\(name): a binding has no buffer") }
        if parameter.elementByteCount == parameter.sourceByteCount { return (buffer, offset) }
        // Offsets of operands are never negative.
        return (buffer, offset * parameter.sourceByteCount / parameter.elementByteCount)
    }

    /// The binding of a buffer, and the element of the library's type at which its operand begins.
    private func start(
        _ parameter: Buffer, _ bindings: UnsafeBufferPointer<BufferBinding>
    ) -> (binding: BufferBinding, offset: Int) {
        switch parameter.source {
        case .operand(let operand): return (bindings[operand], bindings[operand].offset)
        case .workspace(let byteOffset):
            let binding = bindings[bindings.count - 1]
            return (binding, (binding.offset + byteOffset) / parameter.sourceByteCount)
        }
    }

    /// What a varying argument is at a launch, as the lowest bytes of a word.
    public func bits(
        _ parameter: Varying, _ bindings: UnsafeBufferPointer<BufferBinding>, _ scalars: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        switch parameter.source {
        case .offset(let operand, let scalar, let part): part.of(scalar.argumentBits(bindings[operand].offset))
        case .scalar(let slot, let dtype, let scalar, let part):
            part.of(scalar.argumentBits(slot: scalars[slot], as: dtype))
        case .position(let number):
            UInt64(start(buffers[number], bindings).offset & (4 / buffers[number].sourceByteCount - 1))
        }
    }
}
