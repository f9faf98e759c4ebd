import Needletail
import TensorRuntime
import Testing

/// Which device `auto` takes, and what becomes of those that cannot be opened.
@Suite struct DeviceSelectionTests {
    private static func device(
        _ name: String, _ kind: DeviceDescription.Kind, memory: Int, _ physicalIDs: Set<PhysicalID> = []
    ) -> DeviceDescription {
        DeviceDescription(
            id: DeviceID(name)!, name: "the \(name)", kind: kind, driver: "test", memory: memory, dtypes: [.float32],
            families: [.fused], physicalIDs: physicalIDs)
    }

    private static let probes = [
        DeviceSelection.Probe(
            backend: "opencl", priority: 100,
            devices: [
                device("opencl:0", .discreteGPU, memory: 10), device("opencl:1", .discreteGPU, memory: 20),
                device("opencl:2", .software, memory: 90),
            ]),
        DeviceSelection.Probe(backend: "cpu", priority: 0, devices: [device("cpu", .cpu, memory: 50)]),
    ]

    private static let uuid = PhysicalID(uuid: [9, 8, 7])!
    private static let place = PhysicalID(domain: 0, bus: 0x65, device: 0, function: 0)
    private static let otherPlace = PhysicalID(domain: 0, bus: 0xCA, device: 0, function: 0)

    /// What three backends know of one GPU, and how many there then are.
    @Test(
        arguments: [
            ([uuid], [uuid], [], 2), ([place], [uuid, place], [uuid], 1), ([uuid], [uuid, place], [place], 1),
            ([place], [uuid], [], 3), ([place], [otherPlace], [otherPlace], 2),
            ([uuid, place], [uuid, otherPlace], [otherPlace], 1), ([], [], [], 3),
        ] as [(Set<PhysicalID>, Set<PhysicalID>, Set<PhysicalID>, Int)])
    func aGPUThatSeveralBackendsShowCountsOnce(
        _ first: Set<PhysicalID>, _ second: Set<PhysicalID>, _ third: Set<PhysicalID>, count: Int
    ) {
        let backends = [("opencl", 100, first), ("vulkan", 90, second), ("metal", 80, third)]
        let probes = backends.map { name, priority, ids in
            DeviceSelection.Probe(
                backend: name, priority: priority,
                devices: [
                    Self.device("\(name):0", .discreteGPU, memory: 10, ids),
                    // Software is no accelerator, and hides none.
                    Self.device("\(name):1", .software, memory: 10, [Self.uuid, Self.place]),
                ])
        }
        let found = DeviceSelection.accelerators(among: probes.reversed())
        #expect(found.count == count && found.first?.id == DeviceID("opencl:0"), "\(found.map(\.id))")
    }

    @Test func zerosAreNoIdentity() {
        #expect(PhysicalID(uuid: [UInt8](repeating: 0, count: 16)) == nil)
        #expect(Self.uuid.description == "uuid:090807" && Self.place.description == "pci:0000:65:00.0")
    }

    /// The choice where these devices cannot be opened, what was told, and what was tried.
    private static func choose(
        without broken: Set<String>
    ) throws(TensorError) -> (choice: DeviceSelection.Choice, notices: [String], tried: [String]) {
        var notices: [String] = []
        var tried: [String] = []
        func open(_ id: DeviceID) throws(TensorError) {
            tried.append("\(id)")
            if broken.contains("\(id)") { throw TensorError(.deviceUnavailable, "\(id): no context; get a driver") }
        }
        let choice = try DeviceSelection.firstUsable(
            among: probes, notice: { notices.append($0) }, open: open
        ).choice
        return (choice, notices, tried)
    }

    @Test func theBestAcceleratorIsOpenedAndNoOther() throws {
        let (choice, notices, tried) = try Self.choose(without: [])
        #expect(choice.device == DeviceID("opencl:1") && choice.reason == "the opencl:1 is the best accelerator")
        #expect(notices.isEmpty && tried == ["opencl:1"])
    }

    @Test func anAcceleratorThatCannotBeOpenedGivesWayToTheNext() throws {
        let (choice, notices, _) = try Self.choose(without: ["opencl:1"])
        #expect(choice.device == DeviceID("opencl:0"))
        #expect(choice.reason == "the opencl:0 is the best accelerator that can be opened (opencl:1 cannot)")
        #expect(
            notices == ["opencl:1 is left out, because it cannot be opened: opencl:1: no context; get a driver"])
    }

    @Test func withoutAnAcceleratorThatOpensTheCPUIsTaken() throws {
        let (choice, notices, tried) = try Self.choose(without: ["opencl:0", "opencl:1"])
        #expect(choice.device == .cpu && choice.reason == "no accelerator can be opened")
        #expect(notices.count == 2 && tried == ["opencl:1", "opencl:0", "cpu"])
    }

    @Test func aCPUThatCannotBeOpenedIsAnError() {
        expectError(.deviceUnavailable, containing: "cpu: no context") { () throws(TensorError) in
            try Self.choose(without: ["opencl:0", "opencl:1", "cpu"])
        }
    }

    @Test func aBackendsNameAloneIsItsBestDevice() {
        #expect(DeviceSelection.best(of: "opencl", among: Self.probes) == DeviceID("opencl:1"))
        #expect(DeviceSelection.best(of: "cpu", among: Self.probes) == .cpu)
        let software = DeviceSelection.Probe(
            backend: "opencl", priority: 100,
            devices: [
                Self.device("opencl:0", .software, memory: 90), Self.device("opencl:1", .integratedGPU, memory: 5),
            ])
        #expect(DeviceSelection.best(of: "opencl", among: [software]) == DeviceID("opencl:1"))
        // What is not there is refused by its name.
        #expect(DeviceSelection.best(of: "metal", among: Self.probes) == DeviceID("metal:0"))
    }

    // MARK: What was measured

    private static let twins = [
        DeviceSelection.Probe(
            backend: "opencl", priority: 100,
            devices: [
                device("opencl:0", .integratedGPU, memory: 1), device("opencl:1", .discreteGPU, memory: 9, [uuid]),
            ]),
        DeviceSelection.Probe(
            backend: "vulkan", priority: 90, devices: [device("vulkan:0", .discreteGPU, memory: 9, [uuid])]),
        DeviceSelection.Probe(backend: "cpu", priority: 0, devices: [device("cpu", .cpu, memory: 50)]),
    ]

    private static func measured(_ rates: [String: Double]) -> MeasuredOrder {
        MeasuredOrder(twins.flatMap(\.devices).map { ($0, rates["\($0.id)"]) })
    }

    private static func choose(
        by measured: MeasuredOrder, without broken: Set<String> = []
    ) throws(TensorError) -> (choice: DeviceSelection.Choice, refused: [DeviceID]) {
        try DeviceSelection.firstUsable(among: twins, measured: measured, notice: nil) { (id) throws(TensorError) in
            if broken.contains("\(id)") { throw TensorError(.deviceUnavailable, "no context") }
        }
    }

    @Test func theFastestThatWasMeasuredIsTakenOfTwinsToo() throws {
        let byVulkan = Self.measured(["opencl:0": 5, "opencl:1": 80, "vulkan:0": 90.06, "cpu": 1])
        let found = try Self.choose(by: byVulkan)
        #expect(found.choice.device == DeviceID("vulkan:0"))
        #expect(found.choice.reason == "the vulkan:0 is the fastest that was measured, with 90.1 GFLOP/s")
        // What cannot be opened gives way to its twin, then to the next, and at last to the CPU.
        #expect(try Self.choose(by: byVulkan, without: ["vulkan:0"]).choice.device == DeviceID("opencl:1"))
        let next = try Self.choose(by: byVulkan, without: ["vulkan:0", "opencl:1"])
        #expect(next.choice.device == DeviceID("opencl:0") && next.refused.count == 2)
        #expect(
            next.choice.reason == "the opencl:0 is the fastest that was measured of those that can be opened "
                + "(vulkan:0, opencl:1 cannot), with 5.0 GFLOP/s")
        let none = try Self.choose(by: byVulkan, without: ["vulkan:0", "opencl:0", "opencl:1"])
        #expect(none.choice.device == .cpu && none.choice.reason == "no accelerator can be opened")
    }

    @Test func theCPUIsTakenWhereItWasFaster() throws {
        let found = try Self.choose(by: Self.measured(["opencl:0": 5, "opencl:1": 80, "vulkan:0": 90, "cpu": 91]))
        #expect(found.choice.device == .cpu && found.refused.isEmpty)
        #expect(found.choice.reason == "the cpu is the fastest that was measured, with 91.0 GFLOP/s")
    }

    @Test func whatCouldNotBeMeasuredComesLast() throws {
        let measured = Self.measured(["opencl:0": 5, "cpu": 1])
        #expect(try Self.choose(by: measured).choice.device == DeviceID("opencl:0"))
        let all = try Self.choose(by: Self.measured([:]))
        #expect(all.choice.device == DeviceID("opencl:1") && all.choice.reason.hasSuffix(" is the best accelerator"))
    }

    @Test func aMeasurementCountsWhereItKnowsEachDeviceAndDriver() {
        let devices = Self.twins.flatMap(\.devices)
        let measured = Self.measured(["opencl:1": 80, "cpu": 1])
        #expect(measured.applies(to: devices) && measured.applies(to: Array(devices.dropFirst())))
        #expect(MeasuredOrder([]).applies(to: []) && !MeasuredOrder([]).applies(to: devices))
        // Software is never taken unasked, so nobody has to have measured it.
        let software = Self.device("opencl:2", .software, memory: 1)
        #expect(measured.applies(to: devices + [software]))
        var other = devices[1]
        other.driver = "test 2"
        #expect(!measured.applies(to: [other]) && measured.gigaflops(of: other) == nil)
        other = devices[1]
        other.name = "a new one"
        #expect(!measured.applies(to: [other]))
    }
}
