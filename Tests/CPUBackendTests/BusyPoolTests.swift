import CPUBackend
import Foundation
import TensorConformance
import TensorRuntime
import Testing

/// Streams share the pool: a kernel that finds it busy waits for nobody.
@Suite struct BusyPoolTests {
    @Test(arguments: [1, 3]) func aKernelThatFindsThePoolBusyRunsOnItsCallerWithTheSameBits(threads: Int) throws {
        var configuration = RuntimeConfiguration()
        configuration.threads = threads
        let device = try CPUDevice(configuration: configuration)
        let suite = ConformanceSuite()
        let rows = ConformanceCatalogue.cases(for: device.description).enumerated().filter { $0.offset % 9 == 0 }
        let cases = rows.map(\.element)
        let expected = suite.run(device: device, cases: cases)
        let found = Lock<[ConformanceResult]>([])
        device.whilePoolIsBusy {
            let other = Thread {
                let results = suite.run(device: device, cases: cases)
                found.withLock { $0 = results }
            }
            other.start()
            while !other.isFinished { usleep(1000) }
        }
        let results = found.withLock { $0 }
        #expect(results.count == cases.count && cases.count > 100)
        #expect(results.filter { !$0.passed }.map(\.description) == expected.filter { !$0.passed }.map(\.description))
        #expect(results.map(\.digest) == expected.map(\.digest))
    }
}
