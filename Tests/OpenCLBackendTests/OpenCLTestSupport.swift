import Foundation
import KernelIR
import OpenCLBackend
import Shaders
import Synchronization
import TensorRuntime
import Testing

/// What tests on a device share. Where there is no OpenCL device they fail, unless told that there need be none.
enum OpenCLTesting {
    static let areWanted = ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_WITHOUT_OPENCL"] != "1"

    /// The first device, opened anew, with a loader whose calls nobody else counts.
    static func open(
        _ configure: (inout RuntimeConfiguration) -> Void = { _ in }
    ) throws -> (device: OpenCLDevice, calls: OpenCLCalls) {
        var configuration = RuntimeConfiguration()
        configure(&configuration)
        let backend = OpenCLBackend(configuration: configuration)
        let report = backend.probe()
        let help = "install pocl-opencl-icd, or run Scripts/test.sh --without-opencl"
        try #require(
            !report.devices.isEmpty, "there is no OpenCL device (\(report.notes.joined(separator: "; "))); \(help)")
        return (try backend.openDevice(index: 0, configuration: configuration), try #require(backend.calls))
    }
}

/// `output[i] = input[i] * factor + salt`, where the salt is in the program; as often as there are `passes`.
struct Scaling {
    let count: Int
    var salt = 0
    var passes = 1
    var name = "scale"

    var spec: KernelSpec {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32),
                .init(.pointwise(.multiply), [.value(0), .scalar(0)], dtype: .float32),
            ],
            outputs: [.init(value: 1)], scalarCount: 1)
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(program: program, extents: [count], outerRank: 1, inputs: [access], outputs: [access]))
    }

    var plan: ShaderPlan {
        let (salt, passes, name) = (salt, passes, name)
        return ShaderPlan([
            ShaderLaunch(
                key: ShaderKey(code: spec.code, schedule: name, variant: [salt, passes]), workgroups: [count, 1, 1],
                buffers: ["x": .operand(0), "y": .operand(1)],
                arguments: ["count": .integer(count), "factor": .scalar(slot: 0)]
            ) {
                KernelBuilder.build(name) { k in
                    let x = k.buffer("x", .float32, .read)
                    let y = k.buffer("y", .float32, .write)
                    let count = k.argument("count", .int32)
                    let factor = k.argument("factor", .float32)
                    let i = k.globalID(0)
                    k.if(i < count) {
                        let value = k.variable(x[i])
                        k.loop(from: 0, to: k.int(passes)) { _ in value.value = value.value * factor + Double(salt) }
                        y[i] = value.value
                    }
                }
            }
        ])
    }

    func kernel(on device: OpenCLDevice) throws -> any DeviceKernel { try device.makeKernel(spec, plan) }
}

extension DeviceStream {
    func launch(_ kernel: any DeviceKernel, _ bindings: [BufferBinding], _ scalars: [Double] = []) throws {
        try bindings.withUnsafeBufferPointer { bindings in
            try scalars.map(\.bitPattern).withUnsafeBufferPointer { scalars in
                try encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    func write(_ values: [Float], to buffer: any DeviceBuffer, at element: Int = 0) throws {
        try values.withUnsafeBytes { try copyIn($0, to: buffer, offset: 4 * element) }
    }

    func read(_ buffer: any DeviceBuffer, count: Int, from element: Int = 0) throws -> [Float] {
        var values = [Float](repeating: -1, count: count)
        try values.withUnsafeMutableBytes { try copyOut(from: buffer, offset: 4 * element, to: $0) }
        return values
    }
}

/// A directory of one test, removed when it is released.
final class ScratchDirectory {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path

    init() { try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) {
        precondition(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(text.utf8)))
    }

    /// The files of a folder in it, sorted; none where there is no such folder.
    func files(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
        return names.sorted().map { "\(path)/\(folder)/\($0)" }
    }
}

/// Lines from a callback.
final class Lines: Sendable {
    private let stored = Mutex<[String]>([])

    var all: [String] { stored.withLock { $0 } }

    func add(_ line: String) { stored.withLock { $0.append(line) } }
}

/// Whether `body` throws a `TensorError`, which is given back.
func tensorError(_ body: () throws -> Void) -> TensorError? {
    do {
        try body()
        return nil
    } catch {
        return error as? TensorError
    }
}
