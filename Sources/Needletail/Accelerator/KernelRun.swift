import TensorRuntime

/// A kernel with operands of its own, filled with numbers that look random and are the same on every device.
struct KernelRun {
    private let spec: KernelSpec
    private let stream: any DeviceStream
    private let buffers: [(any DeviceBuffer)?]
    private let workspace: (any DeviceBuffer)?
    private let scalars: [UInt64]

    init(_ kernel: any DeviceKernel, on device: any Device) throws(TensorError) {
        spec = kernel.spec
        stream = try device.makeStream()
        workspace =
            kernel.workspaceByteCount > 0 ? try device.allocate(byteCount: kernel.workspaceByteCount) : nil
        scalars = spec.body.scalarTypes.map { Scalar.float(0.5).bits(as: $0) }
        var buffers: [(any DeviceBuffer)?] = []
        for (position, extent) in spec.operandExtents.enumerated() {
            guard let dtype = extent.dtype else {
                buffers.append(nil)
                continue
            }
            let bytes = KernelRun.bytes(extent.count, dtype, seed: extent.isOutput ? nil : UInt64(position))
            let buffer = try device.allocate(byteCount: max(bytes.count, dtype.byteCount))
            try KernelRun.fill(buffer, bytes, stream)
            buffers.append(buffer)
        }
        self.buffers = buffers
    }

    private static func fill(
        _ buffer: any DeviceBuffer, _ bytes: [UInt8], _ stream: any DeviceStream
    ) throws(TensorError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
            try stream.copyIn(UnsafeRawBufferPointer(bytes), to: buffer, offset: 0)
        }
    }

    /// Elements in -1..<1, integers in 0..<4; zeros without a seed.
    private static func bytes(_ count: Int, _ dtype: DType, seed: UInt64?) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count * dtype.byteCount)
        guard let seed else { return bytes }
        bytes.withUnsafeMutableBytes { bytes in
            for index in 0..<count {
                let uniform = Philox.uniform(index: UInt64(index), key: seed, offset: 0)
                dtype.store(2 * uniform - 1, integer: Int(uniform * (dtype == .bool ? 2 : 4)), to: bytes, at: index)
            }
        }
        return bytes
    }

    /// Encodes the kernel `count` times, submits, and waits.
    func run(_ kernel: any DeviceKernel, count: Int = 1) throws(TensorError) {
        var bindings = zip(spec.operandExtents, buffers).map { extent, buffer in
            BufferBinding(buffer: buffer, offset: -extent.lowest)
        }
        if let workspace { bindings.append(BufferBinding(buffer: workspace)) }
        try bindings.withUnsafeBufferPointer { bindings throws(TensorError) in
            try scalars.withUnsafeBufferPointer { scalars throws(TensorError) in
                for _ in 0..<count { try stream.encode(kernel, bindings: bindings, scalars: scalars) }
            }
        }
        try stream.submit()
        try stream.synchronize()
    }

    /// The outputs' elements, as Doubles.
    func results() throws(TensorError) -> [[Double]] {
        var results: [[Double]] = []
        for (extent, buffer) in zip(spec.operandExtents, buffers) where extent.isOutput {
            guard let buffer, let dtype = extent.dtype else { continue }
            var bytes = [UInt8](repeating: 0, count: extent.count * dtype.byteCount)
            try bytes.withUnsafeMutableBufferPointer { (bytes) throws(TensorError) in
                try stream.copyOut(from: buffer, offset: 0, to: UnsafeMutableRawBufferPointer(bytes))
            }
            results.append(dtype.doubles(bytes))
        }
        return results
    }
}

extension DType {
    /// Writes one element: `value` in a float type, `integer` in the others.
    fileprivate func store(_ value: Float, integer: Int, to bytes: UnsafeMutableRawBufferPointer, at index: Int) {
        let offset = index * byteCount
        switch self {
        case .float32: bytes.storeBytes(of: value, toByteOffset: offset, as: Float.self)
        case .float64: bytes.storeBytes(of: Double(value), toByteOffset: offset, as: Double.self)
        case .float16: bytes.storeBytes(of: Float16(value), toByteOffset: offset, as: Float16.self)
        case .bfloat16:
            bytes.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: offset, as: UInt16.self)
        case .int32: bytes.storeBytes(of: Int32(integer), toByteOffset: offset, as: Int32.self)
        case .int64: bytes.storeBytes(of: Int64(integer), toByteOffset: offset, as: Int64.self)
        case .uint8, .bool: bytes.storeBytes(of: UInt8(integer), toByteOffset: offset, as: UInt8.self)
        }
    }

    /// The elements whose bytes stand in `bytes`.
    fileprivate func doubles(_ bytes: [UInt8]) -> [Double] {
        bytes.withUnsafeBytes { bytes in
            func read<T>(_ type: T.Type, _ body: (T) -> Double) -> [Double] {
                (0..<bytes.count / byteCount).map {
                    body(bytes.loadUnaligned(fromByteOffset: $0 * byteCount, as: type))
                }
            }
            switch self {
            case .float32: return read(Float.self) { Double($0) }
            case .float64: return read(Double.self) { $0 }
            case .float16: return read(Float16.self) { Double($0) }
            case .bfloat16: return read(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
            case .int32: return read(Int32.self) { Double($0) }
            case .int64: return read(Int64.self) { Double($0) }
            case .uint8, .bool: return read(UInt8.self) { Double($0) }
            }
        }
    }
}
