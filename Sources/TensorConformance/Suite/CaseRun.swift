import TensorRuntime

/// One run of a row on a device: its buffers with guard bytes around them, and what they held before and after.
struct CaseRun {
    /// Bytes before and after each operand's payload: a multiple of 16 elements of the widest type.
    static let guardBytes = 256

    let row: ConformanceCase
    private var before: [[UInt8]] = []
    private var after: [[UInt8]] = []
    /// The operand that owns each operand's buffer.
    private let owners: [Int]
    /// Guard, workspace, guard, after the run; empty where the kernel asks for none.
    private var workspace: [UInt8] = []
    private let pattern: UInt8

    /// Fills new buffers (outputs and guards with `pattern`), runs `kernel` once on a new stream, and reads all back.
    init(_ row: ConformanceCase, device: any Device, kernel: any DeviceKernel, pattern: UInt8) throws(TensorError) {
        self.row = row
        self.pattern = pattern
        owners = row.operands.indices.map { row.operands[$0].alias ?? $0 }
        let stream = try device.makeStream()
        var buffers: [(any DeviceBuffer)?] = []
        for (position, operand) in row.operands.enumerated() {
            let contents = CaseRun.contents(of: position, in: row, pattern: pattern)
            before.append(contents)
            guard operand.hasBuffer, operand.alias == nil else {
                buffers.append(nil)
                continue
            }
            let buffer = try device.allocate(byteCount: contents.count)
            try CaseRun.copyIn(contents, to: buffer, stream: stream)
            buffers.append(buffer)
        }
        var bindings = row.operands.enumerated().map { position, operand in
            let start = operand.hasBuffer ? CaseRun.guardBytes / operand.dtype.byteCount : 0
            return BufferBinding(buffer: buffers[owners[position]], offset: start + operand.offset)
        }
        let workspace = try CaseRun.makeWorkspace(of: kernel, device: device, pattern: pattern, stream: stream)
        if let workspace { bindings.append(BufferBinding(buffer: workspace, offset: CaseRun.guardBytes)) }
        try CaseRun.encode(kernel, bindings: bindings, scalars: row.scalarBits, stream: stream)
        try stream.submit()
        try stream.synchronize()
        for (position, buffer) in buffers.enumerated() {
            var bytes = [UInt8](repeating: 0, count: before[position].count)
            if let buffer { try CaseRun.copyOut(buffer, to: &bytes, stream: stream) }
            after.append(bytes)
        }
        guard let workspace else { return }
        self.workspace = [UInt8](repeating: 0, count: workspace.byteCount)
        try CaseRun.copyOut(workspace, to: &self.workspace, stream: stream)
    }

    /// What the kernel asks for with guards around it, full of `pattern`; nil where it asks for nothing.
    private static func makeWorkspace(
        of kernel: any DeviceKernel, device: any Device, pattern: UInt8, stream: any DeviceStream
    ) throws(TensorError) -> (any DeviceBuffer)? {
        guard kernel.workspaceByteCount > 0 else { return nil }
        let count = kernel.workspaceByteCount + 2 * guardBytes
        let buffer = try device.allocate(byteCount: count)
        try copyIn([UInt8](repeating: pattern, count: count), to: buffer, stream: stream)
        return buffer
    }

    /// Guard, payload, guard; nothing for an operand without a buffer of its own.
    private static func contents(of position: Int, in row: ConformanceCase, pattern: UInt8) -> [UInt8] {
        let operand = row.operands[position]
        guard operand.hasBuffer, operand.alias == nil else { return [] }
        let payload = operand.count * operand.dtype.byteCount
        var bytes = [UInt8](repeating: pattern, count: payload + 2 * guardBytes)
        let values = row.initialValues(of: position)
        bytes.withUnsafeMutableBytes { bytes in
            let destination = UnsafeMutableRawBufferPointer(rebasing: bytes[guardBytes..<guardBytes + payload])
            for index in 0..<values.count { values.store(index, to: destination, place: index) }
        }
        return bytes
    }

    /// What is wrong with the run, if anything, and the largest error of its outputs.
    func complaint(expected: [HostWrites]) -> (complaint: String?, error: Double) {
        if let violation { return (violation, .infinity) }
        var worst = 0.0
        for (output, writes) in expected.enumerated() {
            let values = written(writes)
            let comparison = Comparison(got: values, expected: writes.values, tolerance: row.tolerances[output])
            worst = max(worst, comparison.error)
            if let complaint = comparison.complaint { return ("output \(output): \(complaint)", worst) }
        }
        return (nil, worst)
    }

    /// A changed byte outside the outputs' elements and the workspace: in a guard, a gap or an input.
    var violation: String? {
        let guards = workspace.prefix(CaseRun.guardBytes) + workspace.suffix(CaseRun.guardBytes)
        if guards.contains(where: { $0 != pattern }) { return "a byte beside the workspace was overwritten" }
        var expected = before
        for output in OutputGeometry.outputs(of: row.spec) {
            let owner = owners[output.operand]
            let width = output.dtype.byteCount
            let base = CaseRun.guardBytes + row.operands[output.operand].offset * width
            for place in output.places {
                let start = base + place * width
                for byte in start..<start + width { expected[owner][byte] = after[owner][byte] }
            }
        }
        for position in expected.indices where expected[position] != after[position] {
            let byte = expected[position].indices.first { expected[position][$0] != after[position][$0] }!
            let place = byte - CaseRun.guardBytes
            return "operand \(position): byte \(place) of \(expected[position].count - 2 * CaseRun.guardBytes), "
                + "which is no element of an output, was overwritten"
        }
        return nil
    }

    /// The values that the device left at the places of `writes`.
    private func written(_ writes: HostWrites) -> HostArray {
        let bytes = after[owners[writes.operand]]
        let payload = bytes.withUnsafeBytes { bytes in
            HostArray(
                bytes: UnsafeRawBufferPointer(rebasing: bytes[CaseRun.guardBytes..<bytes.count]),
                dtype: writes.values.dtype)
        }
        return payload.gathered(base: 0, offsets: writes.places)
    }

    /// FNV-1a over the bytes of every element written.
    func digest(of expected: [HostWrites]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for writes in expected {
            let bytes = after[owners[writes.operand]]
            let width = writes.values.dtype.byteCount
            for place in writes.places {
                let start = CaseRun.guardBytes + place * width
                for byte in start..<start + width { hash = (hash ^ UInt64(bytes[byte])) &* 0x100_0000_01b3 }
            }
        }
        return hash
    }
}

extension CaseRun {
    private static func copyIn(
        _ bytes: [UInt8], to buffer: any DeviceBuffer, stream: any DeviceStream
    ) throws(TensorError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
            try stream.copyIn(UnsafeRawBufferPointer(bytes), to: buffer, offset: 0)
        }
    }

    private static func copyOut(
        _ buffer: any DeviceBuffer, to bytes: inout [UInt8], stream: any DeviceStream
    ) throws(TensorError) {
        try bytes.withUnsafeMutableBufferPointer { (bytes) throws(TensorError) in
            try stream.copyOut(from: buffer, offset: 0, to: UnsafeMutableRawBufferPointer(bytes))
        }
    }

    private static func encode(
        _ kernel: any DeviceKernel, bindings: [BufferBinding], scalars: [UInt64], stream: any DeviceStream
    ) throws(TensorError) {
        try bindings.withUnsafeBufferPointer { (bindings) throws(TensorError) in
            try scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                try stream.encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
    }
}
