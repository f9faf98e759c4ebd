import Synchronization
import TensorRuntime

/// What the checks of the contract work with: a device, a stream, and small kernels whose results are exact.
final class ContractBench {
    let device: any Device
    let stream: any DeviceStream
    /// Host memory that was copied from. Kept, so that a device that reads it too late reads junk, and nothing worse.
    private var sources: [UnsafeMutableRawBufferPointer] = []

    init(_ device: any Device) throws {
        self.device = device
        stream = try device.makeStream()
    }

    deinit { for source in sources { source.deallocate() } }

    private static let serials = Atomic(0)

    // MARK: Kernels

    /// `y = x * s0 + s1`, over float32.
    static func affine(_ count: Int) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32),
                .init(.pointwise(.multiply), [.value(0), .scalar(0)], dtype: .float32),
                .init(.pointwise(.add), [.value(1), .scalar(1)], dtype: .float32),
            ], outputs: [.init(value: 2)], scalarCount: 2)
        return KernelSpec(
            FusedKernel(program: program, extents: [count], outerRank: 1, inputs: [access], outputs: [access]))
    }

    static func copy(_ count: Int, _ dtype: DType) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(
                program: .copy(from: dtype, to: dtype), extents: [count], outerRank: 1, inputs: [access],
                outputs: [access]))
    }

    func kernel(_ count: Int) throws -> any DeviceKernel { try device.makeKernel(ContractBench.affine(count)) }

    /// Appends `output = input * factor + summand`.
    func launch(
        _ kernel: any DeviceKernel, _ input: BufferBinding, _ output: BufferBinding, factor: Float = 1,
        summand: Float = 0, on stream: (any DeviceStream)? = nil
    ) throws {
        try encode(
            kernel, [input, output], [Double(factor).bitPattern, Double(summand).bitPattern], on: stream ?? self.stream)
    }

    func encode(
        _ kernel: any DeviceKernel, _ operands: [BufferBinding], _ scalars: [UInt64] = [], on stream: any DeviceStream
    ) throws {
        var bindings = operands
        if kernel.workspaceByteCount > 0 {
            bindings.append(BufferBinding(buffer: try device.allocate(byteCount: kernel.workspaceByteCount)))
        }
        try bindings.withUnsafeBufferPointer { bindings in
            try scalars.withUnsafeBufferPointer { scalars in
                try stream.encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    // MARK: Memory

    /// A new buffer that holds `values`.
    func buffer(_ values: [Float], on stream: (any DeviceStream)? = nil) throws -> BufferBinding {
        let buffer = try device.allocate(byteCount: 4 * values.count)
        try write(values, to: buffer, on: stream)
        return BufferBinding(buffer: buffer)
    }

    func write(_ values: [Float], to buffer: any DeviceBuffer, on stream: (any DeviceStream)? = nil) throws {
        try write(bytes: values.withUnsafeBytes { Array($0) }, to: buffer, on: stream)
    }

    func read(_ operand: BufferBinding, count: Int, on stream: (any DeviceStream)? = nil) throws -> [Float] {
        let bytes = try read(bytes: 4 * count, from: operand.buffer!, at: 4 * operand.offset, on: stream)
        return bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// Copies bytes to the device from memory that holds others afterwards.
    func write(
        bytes: [UInt8], to buffer: any DeviceBuffer, at offset: Int = 0, on stream: (any DeviceStream)? = nil
    ) throws {
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        sources.append(source)
        source.copyBytes(from: bytes)
        try (stream ?? self.stream).copyIn(UnsafeRawBufferPointer(source), to: buffer, offset: offset)
        _ = source.initializeMemory(as: UInt8.self, repeating: 0xEE)
    }

    func read(
        bytes count: Int, from buffer: any DeviceBuffer, at offset: Int = 0, on stream: (any DeviceStream)? = nil
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xDD, count: count)
        try bytes.withUnsafeMutableBytes { try (stream ?? self.stream).copyOut(from: buffer, offset: offset, to: $0) }
        return bytes
    }

    // MARK: Findings

    /// - Throws: where the two differ.
    static func expect<Element: Equatable>(_ found: [Element], _ expected: [Element], _ what: String) throws {
        guard found != expected else { return }
        let place = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        throw ContractViolation("\(what): element \(place) is \(found[place]), expected \(expected[place])")
    }

    static func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition { throw ContractViolation(what()) }
    }

    /// A chain of launches between two buffers, long enough to be still at work when it has been encoded.
    ///
    /// Its numbers are never those of an earlier chain, which memory may still hold.
    ///
    /// - Returns: the buffer that holds the result once all is done, and what it then holds.
    func chain(length: Int = 64, on stream: (any DeviceStream)? = nil) throws -> (end: BufferBinding, values: [Float]) {
        let count = 4096
        let kernel = try kernel(count)
        let serial = ContractBench.serials.add(1, ordering: .relaxed).newValue
        var values = (0..<count).map { Float(($0 + serial) % 251 + serial % 4096) }
        var (from, to) = (try buffer(values, on: stream), try buffer([Float](repeating: -1, count: count), on: stream))
        for step in 0..<length {
            try launch(kernel, from, to, summand: Float(step), on: stream)
            (from, to) = (to, from)
        }
        let sum = Float(length * (length - 1) / 2)
        for index in values.indices { values[index] += sum }
        return (from, values)
    }
}
