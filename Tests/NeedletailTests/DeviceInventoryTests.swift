import Needletail
import TensorRuntime
import Testing

/// Which devices there are, and which is in use, with devices that are made up.
@Suite struct DeviceInventoryTests {
    private static let gpu = DeviceID("made-up:0")!

    @Test func nothingIsOpenedThatNobodyNeeds() throws {
        let backend = MadeUpBackend([.integratedGPU, .discreteGPU])
        try MadeUpInventory([backend])() {
            // The discrete one is the best.
            #expect(Accelerator.current == DeviceID("made-up:1") && Accelerator.currentIndex == 0)
            #expect(Accelerator.devices.map(\.id.index) == [1, 0])
            #expect(Tensor.zeros([1]).device == DeviceID("made-up:1"))
        }
        #expect(backend.tries == [1])
    }

    @Test func anAcceleratorThatCannotBeOpenedCountsAsNone() throws {
        let world = MadeUpInventory([MadeUpBackend([.discreteGPU, .integratedGPU], broken: [0])])
        try world {
            #expect(Accelerator.deviceCount == 1 && Accelerator.current == DeviceID("made-up:1"))
            #expect(Tensor.zeros([1]).device == DeviceID("made-up:1"))
            expectError(.deviceUnavailable, containing: "made-up:0: no context") { () throws(TensorError) in
                try DeviceSelection.resolve("made-up:0")
            }
            expectError(.deviceUnavailable, containing: "made-up:0: no context") { () throws(TensorError) in
                try Accelerator.set(Self.gpu)
            }
            #expect(Accelerator.current == DeviceID("made-up:1"))
        }
        #expect(
            world.notices
                == ["made-up:0 is left out, because it cannot be opened: made-up:0: no context; get a driver"])
        try MadeUpInventory([MadeUpBackend([.discreteGPU], broken: [0])])() {
            #expect(!Accelerator.isAvailable && Accelerator.current == nil && Tensor.zeros([1]).device == .cpu)
        }
    }

    @Test func aTwinTakesThePlaceOfADeviceThatCannotBeOpened() throws {
        func probe(_ backend: String, _ priority: Int) -> DeviceSelection.Probe {
            DeviceSelection.Probe(
                backend: backend, priority: priority,
                devices: [
                    DeviceDescription(
                        id: DeviceID(backend: backend), name: "one GPU", kind: .discreteGPU, driver: "test",
                        memory: 10, dtypes: [.float32], families: [.fused],
                        physicalIDs: [PhysicalID(domain: 0, bus: 1, device: 0, function: 0)])
                ])
        }
        let found = try DeviceSelection.firstUsable(
            among: [probe("opencl", 100), probe("vulkan", 90)], notice: nil
        ) { (id) throws(TensorError) in
            if id.backend == "opencl" { throw TensorError(.deviceUnavailable, "no context") }
        }
        #expect(found.choice.device == DeviceID("vulkan:0") && found.refused == [DeviceID("opencl:0")!])
    }

    @Test func softwareCountsWhileItIsNamed() throws {
        let world = MadeUpInventory([MadeUpBackend([.software])])
        try world {
            #expect(!Accelerator.isAvailable)
            try withDevice(Self.gpu) {
                #expect(
                    Accelerator.current == Self.gpu && Accelerator.currentIndex == 0 && Accelerator.deviceCount == 1)
            }
            #expect(Accelerator.current == nil)
            #expect(world.notices.isEmpty)
            #expect(Tensor.zeros([1]).device == .cpu)
            #expect(world.notices == ["no accelerator, only software (made-up:0): taking cpu"])
            try Accelerator.set(Self.gpu)
            #expect(Accelerator.current == Self.gpu && Tensor.zeros([1]).device == Self.gpu)
        }
        let named = MadeUpInventory([MadeUpBackend([.software])], device: "made-up")
        try named { () throws in
            #expect(Accelerator.current == Self.gpu && Tensor.zeros([1]).device == Self.gpu)
            #expect(try DeviceSelection.chosen.reason == "NEEDLETAIL_DEVICE names it")
        }
        #expect(named.notices == ["made-up:0 is software: the software 0 computes on the processor"])
    }

    @Test func anAcceleratorIsThereThoughTheDefaultIsTheCPU() throws {
        try MadeUpInventory([MadeUpBackend([.discreteGPU])], device: "cpu")() {
            #expect(Accelerator.current == Self.gpu && Tensor.zeros([1]).device == .cpu)
            try withDevice(.cpu) { #expect(Accelerator.current == Self.gpu) }
        }
    }

    @Test func theDeviceOfAScopeIsInUseInItsTasks() async throws {
        let world = MadeUpInventory([MadeUpBackend([.discreteGPU, .integratedGPU])])
        let work = withInventory(world.inventory) {
            Task { () throws -> [Int?] in
                let inside = try await Accelerator.withIndex(1) {
                    await Task { Accelerator.currentIndex }.value
                }
                let same = try Accelerator.withIndex(nil) { Accelerator.currentIndex }
                return [inside, same]
            }
        }
        #expect(try await work.value == [1, 0])
    }

    @Test func anOrderOfPreferenceNamesIDsBackendsAndKinds() throws {
        let world = MadeUpInventory([
            MadeUpBackend("one", [.software, .integratedGPU]),
            MadeUpBackend("two", [.discreteGPU, .accelerator], broken: [0]),
        ])
        func best(_ order: String...) throws -> String? { try Accelerator.best(order: order)?.description }
        try world { () throws in
            #expect(try best("one") == "one:1")
            #expect(try best("software", "one") == "one:0")
            #expect(try best("one:0") == "one:0")
            #expect(try best("two:7", "accelerator") == "two:1")
            // A broken one gives way within its entry, and then to the next entry.
            #expect(try best("two") == "two:1")
            #expect(try best("gpu") == "one:1")
            #expect(try best("discreteGPU", "cpu") == "cpu")
            #expect(try best("discreteGPU") == nil && best() == nil)
            expectError(.invalidArgument, containing: "best: 'metal' is neither a device, a backend (one, two, cpu)") {
                () throws(TensorError) in try Accelerator.best(order: ["cpu", "metal"])
            }
        }
        #expect(
            world.notices.contains("two:0 is left out, because it cannot be opened: two:0: no context; get a driver"))
    }

    @Test func backendsThatAreLeftOutAreNotThere() throws {
        let backends = { [MadeUpBackend("one", [.integratedGPU]), MadeUpBackend("two", [.discreteGPU])] }
        try MadeUpInventory(backends(), backends: ["one"])() {
            #expect(Accelerator.devices.map(\.id) == [DeviceID("one:0")!])
            #expect(DeviceSelection.probe().map(\.backend) == ["one", "cpu"])
            expectError(.deviceUnavailable, containing: "NEEDLETAIL_BACKENDS is 'one', which leaves two out") {
                () throws(TensorError) in try DeviceSelection.resolve("two")
            }
        }
        try MadeUpInventory(backends(), backends: ["three", "one"])() {
            expectError(
                .invalidArgument, containing: "names 'three', which no backend is called; there are: one, two, cpu"
            ) { () throws(TensorError) in try DeviceSelection.current }
            #expect(!Accelerator.isAvailable && Accelerator.devices.isEmpty)
        }
    }

    @Test func aNameThatIsNoneListsWhatThereIs() throws {
        try MadeUpInventory([MadeUpBackend([.discreteGPU])])() {
            for name in ["metal", "metal:0", "made-up:4", "a b"] {
                expectError(
                    .deviceUnavailable, containing: "there are: made-up:0 (the discreteGPU 0, discreteGPU), cpu"
                ) { () throws(TensorError) in try DeviceSelection.resolve(name) }
            }
        }
    }

    @Test func theCPUTellsItsFreeMemory() throws {
        let info = try Accelerator.Memory.info(of: .cpu)
        #expect(info.total == (try deviceContext(.cpu).device.description.memory))
        #expect(info.free > 0 && info.free <= info.total)
    }
}
