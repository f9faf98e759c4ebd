import TensorRuntime
import Testing

/// The options of a backend that the core knows nothing of.
@Suite struct BackendOptionTests {
    private static let level = BackendOption(
        "level-of-detail", of: "my-gpu", accepts: "low or high", variables: ["MYGPU_LEVEL"]
    ) { ["low", "high"].contains($0) }
    private static let path = BackendOption("path", of: "my-gpu", accepts: "a path")

    private func registry() -> (registry: BackendRegistry, backend: FakeBackend) {
        let registry = BackendRegistry()
        let backend = FakeBackend("my-gpu", options: [Self.level, Self.path])
        registry.register(backend)
        return (registry, backend)
    }

    private func message(_ configuration: RuntimeConfiguration) -> String? {
        do {
            try configuration.check(registry().registry.backends)
            return nil
        } catch {
            #expect(error.kind == .invalidArgument)
            return error.message
        }
    }

    @Test func anOptionHasAVariableByItsBackendsNameAndThoseDeclared() {
        #expect(Self.level.variables == ["NEEDLETAIL_MY_GPU_LEVEL_OF_DETAIL", "MYGPU_LEVEL"])
        func value(_ environment: [String: String]) -> String? {
            RuntimeConfiguration(environment: environment).options[Self.level]
        }
        #expect(value([:]) == nil)
        #expect(value(["MYGPU_LEVEL": "low"]) == "low")
        #expect(value(["NEEDLETAIL_MY_GPU_LEVEL_OF_DETAIL": "high", "MYGPU_LEVEL": "low"]) == "high")
        #expect(value(["NEEDLETAIL_MY_GPU_LEVEL_OF_DETAIL": "", "MYGPU_LEVEL": "low"]) == "low")
    }

    @Test func whatAProgramSetsCountsBeforeTheEnvironment() {
        var configuration = RuntimeConfiguration(environment: ["MYGPU_LEVEL": "low"])
        configuration.options[backend: "my-gpu"]["level-of-detail"] = "high"
        #expect(configuration.options[Self.level] == "high")
        configuration.options[Self.level] = nil
        #expect(configuration.options[Self.level] == nil)
        configuration.options[backend: "my-gpu"] = [:]
        #expect(configuration.options[Self.level] == "low")
        #expect(configuration.options[backend: "another"].isEmpty)
    }

    @Test func aWrongValueIsNamedWithWhatIsAccepted() {
        #expect(
            message(RuntimeConfiguration(environment: ["MYGPU_LEVEL": "medium"]))
                == "environment: MYGPU_LEVEL is 'medium', but must be low or high")
        var configuration = RuntimeConfiguration(environment: ["MYGPU_LEVEL": "medium"])
        configuration.options[Self.level] = "middle"
        // The environment's value does not count, and is no problem.
        #expect(
            message(configuration) == "options: my-gpu's option 'level-of-detail' is 'middle', but must be low or high")
        #expect(message(RuntimeConfiguration(environment: ["MYGPU_LEVEL": "low"])) == nil)
    }

    @Test func anUnknownOptionIsNamedWithWhatThereIs() {
        var configuration = RuntimeConfiguration(environment: [
            "NEEDLETAIL_MY_GPU_PTAH": "/", "NEEDLETAIL_EAGER": "y", "NEEDLETAIL_OTHER_GPU_PTAH": "/",
        ])
        configuration.options[backend: "my-gpu"]["levle"] = "low"
        #expect(
            message(configuration)
                == "environment: NEEDLETAIL_EAGER is 'y', but must be 0, 1, true or false; NEEDLETAIL_MY_GPU_PTAH sets no "
                + "option of my-gpu; there are NEEDLETAIL_MY_GPU_LEVEL_OF_DETAIL, NEEDLETAIL_MY_GPU_PATH; options: my-gpu "
                + "has no option 'levle'; there are level-of-detail, path")
    }

    @Test func aBackendWithoutOptionsSaysSo() {
        let configuration = RuntimeConfiguration(environment: ["NEEDLETAIL_PLAIN_X": "1"])
        let error = #expect(throws: TensorError.self) { try configuration.check([FakeBackend("plain")]) }
        #expect(error?.message == "environment: NEEDLETAIL_PLAIN_X sets no option of plain; there are none")
    }

    @Test func oneVariableOfTwoBackendsIsOneProblem() {
        func option(_ backend: String) -> BackendOption {
            BackendOption("class", of: backend, accepts: "a or b", variables: ["NEEDLETAIL_CLASS"]) {
                "ab".contains($0)
            }
        }
        let backends = ["one", "two"].map { FakeBackend($0, options: [option($0)]) }
        let configuration = RuntimeConfiguration(environment: ["NEEDLETAIL_CLASS": "c"])
        let error = #expect(throws: TensorError.self) { try configuration.check(backends) }
        #expect(error?.message == "environment: NEEDLETAIL_CLASS is 'c', but must be a or b")
    }
}
