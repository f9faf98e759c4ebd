import Foundation
import Needletail
import ReferenceBackend
import Testing

/// Registering is one line, before or after the first tensor.
@Suite(.serialized) struct RegistrationTests {
    private let reference = DeviceID(backend: "reference")

    /// This process has made its first tensor, and chosen its device, before the backend is registered.
    @Test func afterTheFirstTensorADeviceCanBeNamedAndIsAmongTheAccelerators() throws {
        #expect(try (Tensor([1, 2] as [Float]) + 1).scalars(as: Float.self) == [2, 3])
        let before = Accelerator.deviceCount
        let chosen = try DeviceSelection.current
        #expect(throws: TensorError.self) { try withDevice(DeviceID("reference")!) {} }

        BackendRegistry.shared.register(ReferenceBackend(kind: .accelerator))

        let sums = try withDevice(DeviceID("reference")!) {
            #expect(Accelerator.current == reference)
            return try ((Tensor([1, 2] as [Float]) * Tensor([3, 4] as [Float])).sum() + 1).scalars(as: Float.self)
        }
        #expect(sums == [12])
        #expect(Accelerator.deviceCount == before + 1 && Accelerator.isAvailable)
        #expect(DeviceSelection.accelerators().contains { $0.id == reference })
        #expect(try DeviceSelection.resolve("reference") == reference)
        // What tensors are made on does not change under a running program.
        #expect(try DeviceSelection.current == chosen)
        #expect(executionStatistics(reference).launches > 0)
    }

    /// A device that is not there yet is missed, and found when it is.
    @Test func aDeviceOfTheEnvironmentIsFoundOnceItsBackendIsRegistered() throws {
        let result = try run("LateRegistration", ["NEEDLETAIL_DEVICE": "reference"])
        let missing =
            "NEEDLETAIL_DEVICE is 'reference': device reference:0 is not there: no backend is called reference; there are: "
        let lines = result.output.split(separator: "\n")
        #expect(result.code == 0 && lines.count == 4, "\(result)")
        #expect(lines.first == "before: false" && lines.last == "after: reference:0 computed 5", "\(result)")
        #expect(lines.dropFirst().prefix(2).allSatisfy { $0.hasPrefix(missing) }, "\(result)")
    }

    /// A process of its own registers first, and trains.
    @Test func beforeTheFirstTensorTheProgramTrains() throws {
        let result = try run("reference-mnist", ["NEEDLETAIL_REFERENCE_MEMORY": "512"])
        #expect(result.code == 0, "\(result)")
        let last = try #require(result.output.split(separator: "\n").last).split(separator: " ")
        #expect(last.prefix(2) == ["reference:0:", "accuracy"])
        #expect(try #require(Double(last[2])) > 0.85, "\(result.output)")
        print(result.output, terminator: "")
    }

    @Test(arguments: [
        (
            "NEEDLETAIL_REFERENCE_MEMORY", "much",
            "NEEDLETAIL_REFERENCE_MEMORY is 'much', but must be a number of MiB above 0"
        ),
        (
            "NEEDLETAIL_REFERENCE_MEMROY", "512",
            "NEEDLETAIL_REFERENCE_MEMROY sets no option of reference; there are NEEDLETAIL_REFERENCE_MEMORY"
        ),
    ]) func aWrongOptionIsASentence(_ name: String, _ value: String, _ sentence: String) throws {
        let result = try run("reference-mnist", [name: value])
        #expect(result.code == 1 && result.output.contains(sentence), "\(result)")
    }

    @Test func anOptionReachesTheDevice() throws {
        var configuration = RuntimeConfiguration()
        configuration.options[backend: "reference"]["memory"] = "512"
        let device = try ReferenceBackend().open(index: 0, configuration: configuration)
        #expect(device.description.memory == 512 << 20)
        let error = #expect(throws: TensorError.self) { try device.allocate(byteCount: 1 << 30) }
        #expect(error?.kind == .outOfMemory)
    }

    /// Runs a program that lies beside the test bundle.
    private func run(_ program: String, _ variables: [String: String]) throws -> (
        code: Int32, output: String, errors: String
    ) {
        let bundle = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") }, "no test bundle is named")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: bundle).deletingLastPathComponent()
            .appendingPathComponent(program)
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<5 { root.deleteLastPathComponent() }
        let data = root.appendingPathComponent("Datasets/mnist").path
        process.environment = ProcessInfo.processInfo.environment
            .merging(["NEEDLETAIL_DATA": data]) { named, _ in named }.merging(variables) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self),
            String(decoding: complaints, as: UTF8.self)
        )
    }
}
