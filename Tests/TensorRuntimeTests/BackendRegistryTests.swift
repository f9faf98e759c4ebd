import TensorRuntime
import Testing

@Suite struct BackendRegistryTests {
    @Test func backendsStandInOrderOfPriorityThenName() {
        let registry = BackendRegistry()
        registry.register(FakeBackend("low", priority: 1))
        registry.register(FakeBackend("high", priority: 9))
        registry.register(FakeBackend("b", priority: 5))
        registry.register(FakeBackend("a", priority: 5))
        #expect(registry.backends.map(\.name) == ["high", "a", "b", "low"])
    }

    @Test func aBackendReplacesTheOneOfItsName() {
        let registry = BackendRegistry()
        registry.register(FakeBackend("one", priority: 1))
        registry.register(FakeBackend("one", priority: 2))
        #expect(registry.backends.map(\.priority) == [2])
    }

    @Test func aProgramsBackendIsNotReplacedByTheLibrarys() {
        let registry = BackendRegistry()
        registry.register(FakeBackend("one", priority: 1))
        registry.registerDefault(FakeBackend("one", priority: 2))
        registry.registerDefault(FakeBackend("two", priority: 3))
        #expect(registry.backends.map(\.priority) == [3, 1])
    }

    @Test func aProbeOfABackendThatWasReplacedIsNotTheOthers() {
        let registry = BackendRegistry()
        let replaced = FakeBackend("one", devices: 2)
        registry.register(replaced)
        let next = FakeBackend("one", devices: 1)
        registry.register(next)
        #expect(registry.report(of: replaced).devices.count == 2)
        #expect(registry.report(of: next).devices.count == 1)
    }

    @Test func aBackendIsProbedOnce() throws {
        let registry = BackendRegistry()
        let backend = FakeBackend("one", devices: 2)
        registry.register(backend)
        #expect(registry.report(of: backend).devices.count == 2)
        #expect(registry.report(of: backend).devices.count == 2)
        _ = try registry.open(DeviceID(backend: "one", index: 1))
        #expect(backend.probes == 1)
    }

    @Test func openingTwiceGivesTheSameInstance() throws {
        let registry = BackendRegistry()
        registry.register(FakeBackend("one", devices: 2))
        let first = try registry.open(DeviceID(backend: "one"))
        #expect(try registry.open(DeviceID(backend: "one")) === first)
        #expect(try registry.open(DeviceID(backend: "one", index: 1)) !== first)
    }

    @Test func anUnknownBackendIsNamedWithThoseThatExist() {
        let registry = BackendRegistry()
        registry.register(FakeBackend("alpha", priority: 2))
        registry.register(FakeBackend("beta", priority: 1))
        let error = #expect(throws: TensorError.self) { try registry.open(DeviceID(backend: "gamma", index: 1)) }
        #expect(error?.kind == .deviceUnavailable)
        #expect(error?.message == "device gamma:1: no backend named 'gamma'; there are: alpha, beta")
    }

    @Test func withoutAnyBackendTheErrorSaysWhatToDo() {
        let error = #expect(throws: TensorError.self) { try BackendRegistry().open(.cpu) }
        #expect(
            error?.message
                == "device cpu: no backend named 'cpu'; none is registered: register(_:) one, or import Needletail and call "
                + "DeviceSelection.probe(), which registers its own")
    }

    @Test func aMissingDeviceIsToldWithWhatIsThereAndWhy() {
        let registry = BackendRegistry()
        registry.register(FakeBackend("one"))
        registry.register(FakeBackend("none", devices: 0, notes: ["no loader", "driver too old"]))
        let absent = #expect(throws: TensorError.self) { try registry.open(DeviceID(backend: "one", index: 3)) }
        #expect(
            absent?.message
                == "device one:3 is not there; one has one:0; run `needletail devices` for the whole list")
        let empty = #expect(throws: TensorError.self) { try registry.open(DeviceID(backend: "none")) }
        #expect(
            empty?.message
                == "device none:0 is not there; none has no device (no loader; driver too old); run `needletail "
                + "devices` for the whole list")
    }

    @Test func anAdoptedDeviceIsWhatOpenGives() throws {
        let registry = BackendRegistry()
        let own = FakeDevice(id: DeviceID(backend: "mine"))
        registry.adopt(own)
        #expect(try registry.open(DeviceID(backend: "mine")) === own)
    }
}
