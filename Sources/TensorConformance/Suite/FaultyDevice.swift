import TensorRuntime

/// One way in which a backend can be wrong, done to one output of every kernel.
public struct Fault: Hashable, Sendable, CustomStringConvertible {
    /// What is done to an output.
    public enum Kind: CaseIterable, Hashable, Sendable {
        /// The middle element is off by as much as the largest one.
        case elementChanged
        /// The last element keeps what was there before.
        case tailUnwritten
        /// Every NaN becomes 0.
        case nanSwallowed
        /// The element after the last is written.
        case writtenPastEnd
    }

    /// What is done.
    public var kind: Kind
    /// The number of the output that it is done to; kernels with fewer outputs are left alone.
    public var output: Int

    /// Of one output of each kernel.
    public init(_ kind: Kind, output: Int) {
        self.kind = kind
        self.output = output
    }

    public var description: String { "\(kind) in output \(output)" }
}

/// A device that runs kernels on another and then spoils what they wrote, to show that the catalogue notices.
public final class FaultyDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the fault is locked.

    private let currentFault: Lock<Fault?>

    /// - Parameters:
    ///   - inner: runs the kernels.
    ///   - fault: what is spoiled; nil spoils nothing.
    public init(_ inner: any Device, fault: Fault? = nil) {
        currentFault = Lock(fault)
        super.init(inner)
    }

    /// The fault of kernels encoded from now on; nil for none.
    public var fault: Fault? {
        get { currentFault.withLock { $0 } }
        set { currentFault.withLock { $0 = newValue } }
    }

    /// The faults that a run of `row` must show.
    public static func faults(for row: ConformanceCase) throws(TensorError) -> [Fault] {
        var faults: [Fault] = []
        for (output, writes) in try row.expected().enumerated() {
            faults.append(Fault(.writtenPastEnd, output: output))
            if writes.places.isEmpty { continue }
            faults.append(Fault(.elementChanged, output: output))
            faults.append(Fault(.tailUnwritten, output: output))
            if writes.values.floats.contains(where: \.isNaN) { faults.append(Fault(.nanSwallowed, output: output)) }
        }
        return faults
    }

    public override func makeStream() throws(TensorError) -> any DeviceStream {
        FaultyStream(try inner.makeStream(), device: self)
    }
}

/// Passes everything on, and spoils outputs after each kernel.
private final class FaultyStream: ForwardingStream, @unchecked Sendable {
    // Safety: as of a forwarding stream.

    private let device: FaultyDevice

    init(_ inner: any DeviceStream, device: FaultyDevice) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        let outputs = OutputGeometry.outputs(of: kernel.spec)
        guard let fault = device.fault, fault.output < outputs.count,
            let buffer = bindings[outputs[fault.output].operand].buffer
        else {
            return try inner.encode(kernel, bindings: bindings, scalars: scalars)
        }
        let output = outputs[fault.output]
        let before = try contents(of: buffer, dtype: output.dtype)
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
        let after = try contents(of: buffer, dtype: output.dtype)
        try spoil(buffer, output, offset: bindings[output.operand].offset, fault: fault, before: before, after: after)
    }

    private func spoil(
        _ buffer: any DeviceBuffer, _ output: OutputGeometry, offset: Int, fault: Fault, before: [UInt8],
        after: [UInt8]
    ) throws(TensorError) {
        let width = output.dtype.byteCount
        func bytes(_ place: Int, of array: [UInt8]) -> [UInt8] {
            Array(array[(offset + place) * width..<(offset + place + 1) * width])
        }
        switch fault.kind {
        case .elementChanged:
            guard !output.places.isEmpty else { return }
            let place = output.places[output.places.count / 2]
            let largest = output.places.reduce(0) { largest, place in
                let value = decoded(bytes(place, of: after), output.dtype).double(at: 0).magnitude
                return value.isFinite && value < output.dtype.greatest / 2 ? max(largest, value) : largest
            }
            let wrong = changed(bytes(place, of: after), output.dtype, by: largest == 0 ? 1 : largest)
            try write(wrong, to: buffer, at: (offset + place) * width)
        case .tailUnwritten:
            guard let place = output.places.last else { return }
            try write(bytes(place, of: before), to: buffer, at: (offset + place) * width)
        case .nanSwallowed:
            for place in output.places where decoded(bytes(place, of: after), output.dtype).double(at: 0).isNaN {
                try write([UInt8](repeating: 0, count: width), to: buffer, at: (offset + place) * width)
            }
        case .writtenPastEnd:
            let place = (output.places.max() ?? -1) + 1
            try write(bytes(place, of: after).map { $0 ^ 0x33 }, to: buffer, at: (offset + place) * width)
        }
    }

    private func decoded(_ bytes: [UInt8], _ dtype: DType) -> HostArray {
        bytes.withUnsafeBytes { HostArray(bytes: $0, dtype: dtype) }
    }

    /// The number in `bytes` moved by `distance`, or an integer's last bit turned.
    private func changed(_ bytes: [UInt8], _ dtype: DType, by distance: Double) -> [UInt8] {
        var value = decoded(bytes, dtype)
        if dtype.isFloat {
            let old = value.floats[0]
            value.floats[0] = old.isFinite ? old + (old > 0 ? -distance : distance) : 1
            if value.floats[0] == old { value.floats[0] = -old }
        } else {
            value.integers[0] ^= 1
        }
        var result = bytes
        result.withUnsafeMutableBytes { value.store(0, to: $0, place: 0) }
        return result
    }

    private func contents(of buffer: any DeviceBuffer, dtype: DType) throws(TensorError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: buffer.byteCount)
        try bytes.withUnsafeMutableBufferPointer { (bytes) throws(TensorError) in
            try inner.copyOut(from: buffer, offset: 0, to: UnsafeMutableRawBufferPointer(bytes))
        }
        return bytes
    }

    private func write(_ bytes: [UInt8], to buffer: any DeviceBuffer, at offset: Int) throws(TensorError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
            try inner.copyIn(UnsafeRawBufferPointer(bytes), to: buffer, offset: offset)
        }
    }
}
