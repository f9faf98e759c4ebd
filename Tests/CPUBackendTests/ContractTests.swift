import CPUBackend
import Foundation
import TensorConformance
import TensorRuntime
import Testing

/// The suite's checks of the contract: what keeps it passes, and each way to break it is found.
@Suite(.serialized) struct ContractTests {
    private static let suite = ConformanceSuite()

    private static func complaints(about device: any Device) -> [String] {
        suite.runContract(on: device).filter { !$0.passed }.map(\.description)
    }

    @Test func theReferenceKeepsTheContract() {
        #expect(Self.complaints(about: ReferenceDevice()) == [])
        #expect(Self.complaints(about: ReferenceDevice(dtypes: [.float32, .int64])) == [])
    }

    @Test func theSlowestDeviceKeepsTheContract() {
        #expect(Self.complaints(about: DeferredDevice(ReferenceDevice())) == [])
        #expect(Self.complaints(about: ContractBreakingDevice(ReferenceDevice(), fault: nil)) == [])
    }

    @Test(arguments: [1, 2, 3]) func theCPUKeepsTheContract(threads: Int) throws {
        var configuration = RuntimeConfiguration()
        configuration.threads = threads
        let device = try CPUDevice(configuration: configuration)
        #expect(Self.complaints(about: device) == [])
        #expect(Self.complaints(about: DeferredDevice(device)) == [])
    }

    @Test(arguments: ContractFault.allCases) func aBrokenPromiseIsFound(_ fault: ContractFault) throws {
        let results = Self.suite.runContract(on: ContractBreakingDevice(ReferenceDevice(), fault: fault))
        let result = try #require(results.first { $0.name == "contract/\(fault.check)" })
        #expect(result.failure != nil, "\(fault): \(results)")
    }

    @Test func everyCheckFindsSomeFault() {
        #expect(Set(ContractFault.allCases.map(\.check)) == Set(ContractCheck.allCases))
    }

    @Test func aBackendThatTrapsInRecordEndsTheSuite() async {
        await #expect(processExitsWith: .failure) {
            _ = ConformanceSuite().runContract(on: TrappingDevice(in: .record))
        }
    }

    @Test func aBackendThatTrapsInWaitEndsTheSuite() async {
        await #expect(processExitsWith: .failure) {
            _ = ConformanceSuite().runContract(on: TrappingDevice(in: .wait))
        }
    }
}

/// The reference with streams that trap.
private final class TrappingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: immutable.

    enum Place { case record, wait }
    private let place: Place

    init(in place: Place) {
        self.place = place
        super.init(ReferenceDevice())
    }

    override func makeStream() throws(TensorError) -> any DeviceStream {
        TrappingStream(try inner.makeStream(), in: place)
    }
}

private final class TrappingStream: ForwardingStream, @unchecked Sendable {
    // Safety: immutable.

    private let place: TrappingDevice.Place

    init(_ inner: any DeviceStream, in place: TrappingDevice.Place) {
        self.place = place
        super.init(inner)
    }

    override func record() throws(TensorError) -> any DeviceEvent {
        if place == .record { fatalError("no events here") }
        return try inner.record()
    }

    override func wait(for event: any DeviceEvent) throws(TensorError) {
        if place == .wait { fatalError("no waiting here") }
        try inner.wait(for: event)
    }
}
