import Foundation
import TensorRuntime
import Testing

@Suite struct RuntimeConfigurationTests {
    @Test func theEnvironmentFillsTheDefaults() {
        let found = RuntimeConfiguration(environment: [
            "NEEDLETAIL_DEVICE": "vulkan:1", "NEEDLETAIL_DATA": "/data", "NEEDLETAIL_EAGER": "true",
            "NEEDLETAIL_FUSION": "0", "NEEDLETAIL_CHECK_NAN": "1",
        ])
        #expect(found.problems.isEmpty)
        #expect(found.device == "vulkan:1" && found.dataDirectory == "/data")
        #expect(found.eager && !found.fusion && found.checksNaN)
    }

    @Test func whatIsNotSetOrEmptyKeepsItsDefault() throws {
        let plain = RuntimeConfiguration()
        for environment in [[:], ["NEEDLETAIL_EAGER": "", "NEEDLETAIL_DEVICE": ""]] {
            let found = RuntimeConfiguration(environment: environment)
            try found.check()
            #expect(found.device == plain.device && found.eager == plain.eager)
        }
    }

    @Test(arguments: [("0", false), ("1", true), ("false", false), ("true", true)])
    func flagsAreReadInFourForms(_ text: String, _ value: Bool) {
        let found = RuntimeConfiguration(environment: [
            "NEEDLETAIL_EAGER": text, "NEEDLETAIL_FUSION": text, "NEEDLETAIL_CHECK_NAN": text,
        ])
        #expect(found.eager == value && found.fusion == value && found.checksNaN == value)
        #expect(found.problems.isEmpty)
    }

    @Test(arguments: [
        ("NEEDLETAIL_BACKENDS", "cpu,,vulkan", "names of backends, separated by commas: cpu,vulkan"),
        ("NEEDLETAIL_EAGER", "maybe", "0, 1, true or false"),
        ("NEEDLETAIL_FUSION", "off", "0, 1, true or false"),
        ("NEEDLETAIL_CHECK_NAN", "2", "0, 1, true or false"),
    ])
    func anUnreadableValueIsNamedWithWhatIsAccepted(_ name: String, _ text: String, _ accepted: String) {
        let found = RuntimeConfiguration(environment: [name: text])
        #expect(found.problems == ["\(name) is '\(text)', but must be \(accepted)"])
        let error = #expect(throws: TensorError.self) { try found.check() }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message == "environment: \(name) is '\(text)', but must be \(accepted)")
    }

    @Test func allProblemsStandInOneLine() {
        let found = RuntimeConfiguration(environment: ["NEEDLETAIL_FUSION": "x", "NEEDLETAIL_EAGER": "y"])
        #expect(found.problems.count == 2)
        let error = #expect(throws: TensorError.self) { try found.check() }
        #expect(error?.message.contains("NEEDLETAIL_FUSION") == true)
        #expect(error?.message.contains("NEEDLETAIL_EAGER") == true)
    }

    @Test func aRelativeCacheLiesInTheWorkingDirectory() {
        let here = FileManager.default.currentDirectoryPath
        #expect(
            RuntimeConfiguration(environment: ["NEEDLETAIL_CACHE": "rel/cache"]).cacheDirectory == "\(here)/rel/cache")
        #expect(RuntimeConfiguration(environment: ["NEEDLETAIL_CACHE": "/a/b"]).cacheDirectory == "/a/b")
        #expect(RuntimeConfiguration(environment: ["NEEDLETAIL_CACHE": "none"]).cacheDirectory == nil)
    }
}
