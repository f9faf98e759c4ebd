import Foundation
import TensorRuntime

/// What a device is to compute rightly before it is given out: drivers list devices that compute nothing, or that take
/// liberties with floats.
///
/// Each probe is a small kernel of the library. What passed is kept on disk for the device and driver.
public struct DeviceSelfTest {
    /// A kernel, what it is given, and what it must give.
    private struct Probe {
        let name: String
        let spec: KernelSpec
        let inputs: [[Float]]
        let scalars: [Float]
        let expected: [Float]
        /// The largest relative error.
        let tolerance: Float
    }

    private let cache: ProgramCache?
    private let key: [UInt8]
    private static let version = 1

    /// - Parameter identity: device and driver with their versions.
    public init(
        identity: String, scheduleClass: RuntimeConfiguration.ScheduleClass = .automatic,
        configuration: RuntimeConfiguration
    ) {
        key = Array("self-test \(DeviceSelfTest.version), \(scheduleClass)\n\(identity)".utf8)
        cache = configuration.cacheDirectory.map { ProgramCache(directory: $0, backend: "self-test") }
    }

    /// - Throws: `deviceUnavailable` with the probe whose numbers are wrong, or that cannot be computed, in one line.
    public func run(on device: any Device) throws(TensorError) {
        if cache?.load(key) != nil { return }
        device.prepareKernels(DeviceSelfTest.probes.map(\.spec))
        for probe in DeviceSelfTest.probes { try run(probe, on: device) }
        cache?.store(key, ProgramCache.Entry(binary: [1], variants: 0))
    }

    /// Whether the device's quotients and square roots are rounded rightly, also where numbers are subnormal. What was found
    /// is kept as well.
    public func dividesExactly(on device: any Device) throws(TensorError) -> Bool {
        if let known = cache?.load(quotientKey) { return known.binary == [1] }
        var isExact = true
        for probe in [DeviceSelfTest.quotients, DeviceSelfTest.squareRoots] where isExact {
            isExact = try firstMistake(probe, on: device) == nil
        }
        keep(dividesExactly: isExact)
        return isExact
    }

    private var quotientKey: [UInt8] { key + Array("\nquotients".utf8) }

    /// Takes down what ``dividesExactly(on:)`` is to say from now on.
    package func keep(dividesExactly isExact: Bool) {
        cache?.store(quotientKey, ProgramCache.Entry(binary: [isExact ? 1 : 0], variants: 0))
    }

    private func run(_ probe: Probe, on device: any Device) throws(TensorError) {
        let complaint: String
        do throws(TensorError) {
            guard let (found, expected) = try firstMistake(probe, on: device) else { return }
            complaint = "it computes \(found) where \(expected) is right"
        } catch {
            // Behind the first line may stand a compiler's, which its file has as well.
            complaint = error.message.split(separator: "\n").first.map(String.init) ?? "\(error.kind)"
        }
        throw TensorError(
            .deviceUnavailable,
            "\(device.description.id): \(device.description.name) is not used, because it fails the self-test "
                + "'\(probe.name)': \(complaint); try another driver")
    }

    private func firstMistake(
        _ probe: Probe, on device: any Device
    ) throws(TensorError) -> (found: Float, expected: Float)? {
        let stream = try device.makeStream()
        var bindings: [BufferBinding] = []
        for values in probe.inputs + [[Float](repeating: -7, count: probe.expected.count)] {
            let buffer = try device.allocate(byteCount: max(4 * values.count, 4))
            try values.withUnsafeBufferPointer { (values) throws(TensorError) in
                try stream.copyIn(UnsafeRawBufferPointer(values), to: buffer, offset: 0)
            }
            bindings.append(BufferBinding(buffer: buffer))
        }
        let kernel = try device.makeKernel(probe.spec)
        if kernel.workspaceByteCount > 0 {
            bindings.append(BufferBinding(buffer: try device.allocate(byteCount: kernel.workspaceByteCount)))
        }
        let scalars = probe.scalars.map { Double($0).bitPattern }
        try bindings.withUnsafeBufferPointer { (bindings) throws(TensorError) in
            try scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                try stream.encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
        var found = [Float](repeating: 0, count: probe.expected.count)
        let output = bindings[probe.inputs.count].buffer!
        try found.withUnsafeMutableBufferPointer { (found) throws(TensorError) in
            try stream.copyOut(from: output, offset: 0, to: UnsafeMutableRawBufferPointer(found))
        }
        for (a, b) in zip(found, probe.expected) {
            if a == b || a.isNaN && b.isNaN || abs(a - b) <= probe.tolerance * abs(b) { continue }
            return (a, b)
        }
        return nil
    }

    // MARK: The probes

    private static let probes = [matrixProduct, sum, exponentials, sines, roundings, differences]

    /// A product of small whole numbers, 5x7 by 7x3.
    private static var matrixProduct: Probe {
        let (m, k, n) = (5, 7, 3)
        let a = (0..<m * k).map { Float($0 % 11 - 5) }
        let b = (0..<k * n).map { Float($0 % 7 - 3) }
        let expected = (0..<m * n).map { place in
            (0..<k).reduce(Float(0)) { $0 + a[place / n * k + $1] * b[$1 * n + place % n] }
        }
        let access = FusedKernel.Access(strides: Shape([m, n]).contiguousStrides)
        let epilogue = FusedKernel(
            program: .copy(from: .float32, to: .float32), extents: [m, n], outerRank: 2, inputs: [access],
            outputs: [access])
        let kernel = MatmulKernel(
            dtype: .float32, batch: [], m: m, n: n, k: k, aStrides: Shape([m, k]).contiguousStrides,
            bStrides: Shape([k, n]).contiguousStrides, epilogue: epilogue)
        return Probe(
            name: "matrix product", spec: KernelSpec(kernel), inputs: [a, b], scalars: [], expected: expected,
            tolerance: 0)
    }

    /// The sum of 1 to 300, twice.
    private static var sum: Probe {
        let count = 300
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32),
                .init(.reduce(.sum), [.value(0)], dtype: .float32, level: .row),
            ], outputs: [.init(value: 1)])
        let kernel = FusedKernel(
            program: program, extents: [2, count], outerRank: 1,
            inputs: [.init(strides: Shape([2, count]).contiguousStrides)], outputs: [.init(strides: [1, 0])])
        let values = (0..<2 * count).map { Float($0 % count + 1) }
        return Probe(
            name: "sum", spec: KernelSpec(kernel), inputs: [values], scalars: [], expected: [45_150, 45_150],
            tolerance: 0)
    }

    private static var exponentials: Probe {
        pointwise(
            "exponential", [0, 1, -1, 10, -80, 80, 0.001], tolerance: 1e-6, [.init(.pointwise(.exp), [.value(0)])]
        ) {
            Float(exp(Double($0)))
        }
    }

    /// Near multiples of pi, where a product and a sum that are rounded twice lose all digits.
    private static var sines: Probe {
        pointwise(
            "sine, and products with sums rounded once", [1, 355, -355, 22, 710], tolerance: 1e-5,
            [
                .init(.pointwise(.sin), [.value(0)])
            ]
        ) { Float(sin(Double($0))) }
    }

    /// x + M - M, which is no x.
    private static var roundings: Probe {
        pointwise(
            "sums that are not rewritten", [0.75, 1.25, -3.5, 1000.125], scalars: [12_582_912],
            [
                .init(.pointwise(.add), [.value(0), .scalar(0)]),
                .init(.pointwise(.subtract), [.value(1), .scalar(0)]),
            ]
        ) { ($0 + 12_582_912) - 12_582_912 }
    }

    private static var differences: Probe {
        pointwise(
            "infinity less infinity", [.infinity, 1, .nan, -.infinity],
            [
                .init(.pointwise(.subtract), [.value(0), .value(0)])
            ]
        ) { $0 - $0 }
    }

    /// All pairs of numbers that are hard to divide, and others.
    private static var quotients: Probe {
        let numbers = awkward + awkward.map { -$0 }
        var x = numbers.flatMap { [Float](repeating: $0, count: numbers.count) }
        var y = numbers.flatMap { _ in numbers }
        var generator = BitGenerator()
        for _ in 0..<4096 {
            x.append(Float(bitPattern: generator.next()))
            y.append(Float(bitPattern: generator.next()))
        }
        return pointwise("quotients", [x, y], [.init(.pointwise(.divide), [.value(0), .value(1)])]) { $0[0] / $0[1] }
    }

    private static var squareRoots: Probe {
        var generator = BitGenerator()
        let others = (0..<4096).map { _ in Float(bitPattern: generator.next() & 0x7FFF_FFFF) }
        return pointwise("square roots", [awkward + [-0.0, -1] + others], [.init(.pointwise(.sqrt), [.value(0)])]) {
            $0[0].squareRoot()
        }
    }

    private static let awkward: [Float] = [
        0, 1, 3, 0.1, .pi, Float(1).nextUp, Float(1).nextDown, .infinity, .nan, .leastNonzeroMagnitude,
        7 * .leastNonzeroMagnitude, Float.leastNormalMagnitude.nextDown, .leastNormalMagnitude, 1e-30,
        .greatestFiniteMagnitude, .greatestFiniteMagnitude / 3, 1e30, 0x1p127,
    ]

    /// Bit patterns that are the same in each process.
    private struct BitGenerator {
        private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

        mutating func next() -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 32)
        }
    }

    private struct Step {
        let operation: FusedProgram.Operation
        let operands: [FusedProgram.Operand]

        init(_ operation: FusedProgram.Operation, _ operands: [FusedProgram.Operand]) {
            self.operation = operation
            self.operands = operands
        }
    }

    private static func pointwise(
        _ name: String, _ values: [Float], scalars: [Float] = [], tolerance: Float = 0, _ steps: [Step],
        expected: (Float) -> Float
    ) -> Probe {
        pointwise(name, [values], scalars: scalars, tolerance: tolerance, steps) { expected($0[0]) }
    }

    /// - Parameter steps: the values that they name are first the inputs, in order.
    private static func pointwise(
        _ name: String, _ inputs: [[Float]], scalars: [Float] = [], tolerance: Float = 0, _ steps: [Step],
        expected: ([Float]) -> Float
    ) -> Probe {
        let loads = inputs.indices.map { FusedProgram.Step(.load(input: $0), dtype: .float32) }
        let others = steps.map { FusedProgram.Step($0.operation, $0.operands, dtype: .float32) }
        let program = FusedProgram(
            inputs: inputs.map { _ in .float32 }, steps: loads + others,
            outputs: [.init(value: loads.count + steps.count - 1)], scalarCount: scalars.count)
        let access = FusedKernel.Access(strides: [1])
        let count = inputs[0].count
        let kernel = FusedKernel(
            program: program, extents: [count], outerRank: 1, inputs: inputs.map { _ in access }, outputs: [access])
        return Probe(
            name: name, spec: KernelSpec(kernel), inputs: inputs, scalars: scalars,
            expected: (0..<count).map { place in expected(inputs.map { $0[place] }) }, tolerance: tolerance)
    }
}
