import CPUBackend
import TensorRuntime
import Testing

/// The CPU's options under the names that users know, and by its own.
@Suite struct CPUOptionTests {
    @Test func theEnvironmentSetsThem() throws {
        let found = RuntimeConfiguration(environment: [
            "NEEDLETAIL_THREADS": "3", "NEEDLETAIL_ISA": "avx2", "NEEDLETAIL_BLAS": "none",
        ])
        try found.check([CPUBackend()])
        #expect(found.threads == 3 && found.instructionSet == .avx2 && found.blas == "none")
        let own = RuntimeConfiguration(environment: [
            "NEEDLETAIL_CPU_THREADS": "2", "NEEDLETAIL_CPU_INSTRUCTION_SET": "baseline", "NEEDLETAIL_THREADS": "3",
        ])
        #expect(own.threads == 2 && own.instructionSet == .baseline && own.blas == nil)
        let plain = RuntimeConfiguration(environment: ["NEEDLETAIL_THREADS": ""])
        #expect(plain.threads == nil && plain.instructionSet == .automatic)
    }

    @Test(arguments: [
        ("NEEDLETAIL_THREADS", "abc", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_THREADS", "0", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_THREADS", "-2", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_THREADS", "4097", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_THREADS", "2147483648", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_THREADS", "9223372036854775808", "a whole number of 1 to 4096"),
        ("NEEDLETAIL_ISA", "foo", "one of auto, baseline, avx2, avx512"),
        ("NEEDLETAIL_CPU_INSTRUCTION_SET", "foo", "one of auto, baseline, avx2, avx512"),
    ])
    func anUnreadableValueIsNamedWithWhatIsAccepted(_ name: String, _ text: String, _ accepted: String) {
        let found = RuntimeConfiguration(environment: [name: text])
        let error = #expect(throws: TensorError.self) { try found.check([CPUBackend()]) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message == "environment: \(name) is '\(text)', but must be \(accepted)")
    }

    @Test func aProgramSetsThemByNameOrByType() throws {
        var configuration = RuntimeConfiguration()
        configuration.options[backend: "cpu"] = ["threads": "1", "instruction-set": "baseline", "blas": "none"]
        #expect(configuration.threads == 1 && configuration.instructionSet == .baseline)
        let device = try CPUDevice(configuration: configuration)
        #expect(device.threads == 1 && device.description.driver.hasPrefix("baseline"))
        configuration.threads = 2
        configuration.instructionSet = .automatic
        configuration.blas = nil
        #expect(configuration.options[backend: "cpu"] == ["threads": "2", "instruction-set": "auto", "blas": ""])
        #expect(try CPUDevice(configuration: configuration).threads == 2)
        configuration.options[backend: "cpu"]["thraeds"] = "2"
        let error = #expect(throws: TensorError.self) { try configuration.check([CPUBackend()]) }
        #expect(
            error?.message == "options: cpu has no option 'thraeds'; there are threads, instruction-set, blas")
    }
}
