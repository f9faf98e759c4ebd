import TensorRuntime
import Testing

@Suite struct QuirkConfigurationTests {
    @Test func quirksAreForcedByName() {
        let found = RuntimeConfiguration(environment: ["NEEDLETAIL_QUIRKS": "opencl.one-queue=off,vulkan.slow=on"])
        #expect(found.problems.isEmpty)
        #expect(found.quirks == ["opencl.one-queue": false, "vulkan.slow": true])
        #expect(RuntimeConfiguration(environment: ["NEEDLETAIL_QUIRKS": ""]).quirks.isEmpty)
    }

    @Test(arguments: ["x", "x=1", "=on", "x=on,", "x=on,x=off", "x=on=off"])
    func whatIsNoListOfQuirksIsSaid(_ text: String) {
        let found = RuntimeConfiguration(environment: ["NEEDLETAIL_QUIRKS": text])
        #expect(
            found.problems == [
                "NEEDLETAIL_QUIRKS is '\(text)', but must be names with =on or =off, separated by commas: "
                    + "opencl.one-queue=off"
            ])
        #expect(found.quirks.isEmpty)
    }
}
