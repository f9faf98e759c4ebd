import KernelIR
import OpenCLBackend
import Shaders
import TensorRuntime
import TestSupport
import Testing

/// Kernels written anew for devices without 8-, 16- and 64-bit integers, on a device: what the interpreter takes for bytes
/// of a word is there two atomic operations.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct WordKernelTests {
    /// y[i + 1] = 3 x[i] mod 251 of bytes, by way of int64 and, where halves are wanted, of float16 elements.
    private static func original(_ element: DType, _ count: Int) -> Kernel {
        KernelBuilder.build("words", workgroupSize: [16, 1, 1]) { k in
            let x = k.buffer("x", .uint8, .read)
            let y = k.buffer("y", element, .write)
            let n = k.argument("n", .int64)
            let i = k.globalID(0)
            k.if(i < count) {
                let value = (x[i].convert(to: .int64) * 3 * n / n) % 251
                let result = element == .uint8 ? value.convert(to: .int32) : value.convert(to: .float32) * 0.5
                y[i.convert(to: .int64) + 1] = result
            }
        }
    }

    @Test(arguments: [DType.uint8, .float16]) func neighboursOnADeviceWriteOneWord(_ element: DType) throws {
        let count = 1000
        let (device, _) = try OpenCLTesting.open()
        let original = Self.original(element, count)
        let legal = try original.legalized(for: KernelTarget(features: [], maximumVectorLanes: 4))
        #expect(legal.kernel.requirements.features == [])
        let n = Int(0x3_0000_0001)
        let bits = legal.argumentBits([UInt64(n)], offsets: [2, 1])
        let arguments = zip(legal.kernel.arguments, bits).map {
            ($0.name, ShaderLaunch.Argument.integer(Int(Int64(bitPattern: $1))))
        }
        let spec = Scaling(count: count).spec
        let plan = ShaderPlan([
            ShaderLaunch(
                key: ShaderKey(code: spec.code, schedule: "words \(element)"), workgroups: [(count + 15) / 16, 1, 1],
                buffers: ["x": .operand(0), "y": .operand(1)], arguments: Dictionary(uniqueKeysWithValues: arguments)
            ) { legal.kernel }
        ])
        let stream = try device.makeStream()
        let size = element.byteCount
        let source = (0..<1004).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var found = [UInt8](repeating: 0x55, count: (count + 4) * size)
        let (input, output) = (
            try device.allocate(byteCount: source.count), try device.allocate(byteCount: found.count)
        )
        try source.withUnsafeBytes { try stream.copyIn($0, to: input, offset: 0) }
        try found.withUnsafeBytes { try stream.copyIn($0, to: output, offset: 0) }
        let kernel = try device.makeKernel(spec, plan)
        try stream.launch(kernel, [BufferBinding(buffer: input), BufferBinding(buffer: output)], [0])
        try found.withUnsafeMutableBytes { try stream.copyOut(from: output, offset: 0, to: $0) }
        var expected = [UInt8](repeating: 0x55, count: found.count)
        for index in 0..<count {
            let value = Int(source[index + 2]) * 3 % 251
            let bits = element == .uint8 ? UInt16(value) : Float16(Float(value) * 0.5).bitPattern
            for byte in 0..<size { expected[(index + 2) * size + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte)) }
        }
        #expect(found == expected)
    }
}
