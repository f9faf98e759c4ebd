import DeviceSupport
import Foundation
import KernelIR
import Shaders
import TensorRuntime
import TestSupport

/// `y[i + shift] = x[i] * factor` for `count` elements, where the shift is an index operand's offset.
enum Sample {
    static func spec(count: Int = 16, dtype: DType = .float32) -> KernelSpec {
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        let program = FusedProgram(
            inputs: [dtype],
            steps: [
                .init(.load(input: 0), dtype: dtype),
                .init(.pointwise(.multiply), [.value(0), .scalar(0)], dtype: dtype),
            ], outputs: [.init(value: 1)], scalarCount: 1)
        return KernelSpec(
            FusedKernel(program: program, extents: [count], outerRank: 1, inputs: [access], outputs: [access]))
    }

    static func launch(
        _ name: String = "scale", workgroups: Int = 16, workgroupSize: Int = 1,
        buffers: [String: ShaderLaunch.Buffer] = [
            "x": .operand(0), "y": .operand(1), "partial": .workspace(byteOffset: 64),
        ],
        arguments: [String: ShaderLaunch.Argument] = [
            "count": .integer(-7), "shift": .offset(operand: 0), "factor": .scalar(slot: 0),
        ]
    ) -> ShaderLaunch {
        ShaderLaunch(
            key: ShaderKey(code: spec().code, schedule: name, variant: [workgroupSize]),
            workgroups: [workgroups, 1, 1],
            buffers: buffers, arguments: arguments
        ) {
            var kernel = KernelBuilder.build(name) { k in
                let x = k.buffer("x", .float32, .read)
                let y = k.buffer("y", .float32, .write)
                let partial = k.buffer("partial", .float64, .readWrite)
                let count = k.argument("count", .int32)
                let shift = k.argument("shift", .int64)
                let factor = k.argument("factor", .float32)
                let i = k.globalID(0)
                _ = (partial, shift)
                k.if(i < count) { y[i] = x[i] * factor }
            }
            kernel.workgroupSize = [workgroupSize, 1, 1]
            return kernel
        }
    }

    static var device: DeviceDescription {
        DeviceDescription(
            id: DeviceID(backend: "sample"), name: "Sample", kind: .discreteGPU, driver: "1", memory: 1 << 30,
            dtypes: Set(DType.allCases), families: [.fused])
    }

    static var target: ShaderTarget {
        ShaderTarget(deviceClass: .gpu, computeUnits: 4, vectorWidth: 4, features: .float64)
    }
}

/// A program of the sample driver.
final class SampleHandle: Sendable {
    let text: [UInt8]
    init(_ text: [UInt8]) { self.text = text }
}

/// A driver whose programs are their kernels' names.
final class SampleDriver: ProgramDriver {
    let identity: String
    let compiled = Lines()
    let loaded = Lines()
    /// What the next compilation fails with.
    let failure = Lock<ProgramFailure?>(nil)
    /// Whether stored programs are taken.
    let takesBinaries: Bool
    /// Runs while a program is compiled.
    let whileCompiling: @Sendable () -> Void

    init(
        identity: String = "driver 1", takesBinaries: Bool = true, whileCompiling: @escaping @Sendable () -> Void = {}
    ) {
        self.identity = identity
        self.takesBinaries = takesBinaries
        self.whileCompiling = whileCompiling
    }

    func emit(_ kernel: Kernel) throws(TensorError) -> [UInt8] { Array(kernel.name.utf8) }

    func compile(_ text: [UInt8], _ signature: Kernel) throws(ProgramFailure) -> SampleHandle {
        whileCompiling()
        if let failure = failure.withLock({ $0 }) { throw failure }
        compiled.add(signature.name)
        return SampleHandle(text)
    }

    func load(_ binary: [UInt8], _ text: [UInt8], _ signature: Kernel) -> SampleHandle? {
        guard takesBinaries, binary == Array("binary of ".utf8) + text else { return nil }
        loaded.add(signature.name)
        return SampleHandle(text)
    }

    func binary(of handle: SampleHandle) -> [UInt8]? { Array("binary of ".utf8) + handle.text }

    func variant(workgroups: SIMD3<Int>) -> UInt8 { workgroups[0] > 100 ? 2 : 1 }
}

/// Memory of the host.
final class SampleBuffer: DeviceBuffer {
    let byteCount: Int
    init(byteCount: Int = 64) { self.byteCount = byteCount }
}
