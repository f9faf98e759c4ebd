import DeviceSupport
import KernelIR
import Shaders
import TensorRuntime
import Testing

@Suite struct DeviceLossTests {
    @Test func theFirstCauseStays() throws {
        let loss = DeviceLoss()
        try loss.check()
        let first = loss.lose("sample:0: launching: LOST")
        #expect(first == TensorError(.deviceFailure, "sample:0: launching: LOST; the device is lost to this process"))
        #expect(loss.lose("sample:0: waiting: WORSE") == first)
        #expect(throws: first) { try loss.check() }
    }
}

@Suite struct QuirkTests {
    private static let table = QuirkTable<String>(
        backend: "sample",
        rows: [
            Quirk(name: "sample.slow", summary: "Waits.", since: "Old 1", issue: "https://example.org/1") {
                $0.hasPrefix("Old")
            },
            Quirk(name: "sample.careful", summary: "Looks twice.", since: "Odd 2") { $0 == "Odd" },
        ])

    private static func inForce(_ driver: String, _ quirks: [String: Bool] = [:]) throws -> [String] {
        var configuration = RuntimeConfiguration()
        configuration.quirks = quirks
        return try table.inForce(for: driver, configuration: configuration).map(\.name)
    }

    @Test func aDriverHasItsQuirksAndTheUserForcesThemOnOrOff() throws {
        #expect(try Self.inForce("Old 3") == ["sample.slow"])
        #expect(try Self.inForce("Odd") == ["sample.careful"])
        #expect(try Self.inForce("New") == [])
        #expect(try Self.inForce("Old", ["sample.slow": false, "sample.careful": true]) == ["sample.careful"])
        #expect(try Self.inForce("New", ["sample.slow": true]) == ["sample.slow"])
        // Another backend's are its own business.
        #expect(try Self.inForce("New", ["other.slow": true, "sampler.x": true]) == [])
    }

    @Test func aQuirkThatIsNoneIsRefusedWithThoseThatAre() {
        let error = #expect(throws: TensorError.self) { try Self.inForce("New", ["sample.fast": true]) }
        #expect(
            error
                == TensorError(
                    .invalidArgument,
                    "sample: there is no quirk 'sample.fast'; NEEDLETAIL_QUIRKS may name sample.slow, sample.careful"))
    }
}

@Suite struct LaunchBindingTests {
    private static func binding(_ launch: ShaderLaunch = Sample.launch()) throws -> LaunchBinding {
        try LaunchBinding(launch, of: launch.build(), spec: Sample.spec())
    }

    @Test func parametersStandInTheKernelsOrder() throws {
        let binding = try Self.binding()
        #expect(binding.bufferCount == 3)
        #expect(binding.constants.map(\.argument) == [0] && binding.constants[0].scalar == .int32)
        #expect(binding.constants[0].bits == 0xFFFF_FFF9)
        #expect(binding.varying.map(\.argument) == [1, 2])
        let buffers = (0..<3).map { _ in SampleBuffer() }
        // The workspace is last, and its offset is in bytes.
        let bindings = [
            BufferBinding(buffer: buffers[0], offset: 5), BufferBinding(buffer: buffers[1], offset: 9),
            BufferBinding(buffer: buffers[2], offset: 512),
        ]
        bindings.withUnsafeBufferPointer { bindings in
            for (number, offset) in [5, 9, (512 + 64) / 8].enumerated() {
                let bound = binding.buffer(number, bindings)
                #expect(bound.buffer === buffers[number] && bound.offset == offset)
            }
            [Double(2.5).bitPattern].withUnsafeBufferPointer { scalars in
                #expect(binding.bits(binding.varying[0], bindings, scalars) == 5)
                #expect(binding.bits(binding.varying[1], bindings, scalars) == UInt64(Float(2.5).bitPattern))
            }
        }
    }

    @Test func aParameterThatTheLaunchForgetsIsNamed() {
        let error = #expect(throws: TensorError.self) { try Self.binding(Sample.launch(buffers: ["x": .operand(0)])) }
        #expect(error == TensorError(.deviceFailure, "kernel scale: nothing is bound to buffer y"))
        let second = #expect(throws: TensorError.self) {
            try Self.binding(Sample.launch(arguments: ["count": .integer(1)]))
        }
        #expect(second == TensorError(.deviceFailure, "kernel scale: nothing is given to argument shift"))
    }
}
