import Needletail
import TensorGraph
import TensorRuntime

/// Runs `body` on a context of its own, so that counters hold nothing of tests that run at the same time.
func withOwnDevice<Result>(_ id: DeviceID = .cpu, _ body: (DeviceContext) throws -> Result) throws -> Result {
    let shared = try deviceContext(id)
    let context = try DeviceContext(device: shared.device)
    return try withDeviceContext(context) { () throws(any Error) in try body(context) }
}

/// Numbers that look random and are the same each time, in -1..<1.
func sampleNumbers(_ count: Int, seed: UInt64 = 1) -> [Float] {
    (0..<count).map { 2 * Philox.uniform(index: UInt64($0), key: seed, offset: 0) - 1 }
}

/// Whether each pair differs by at most `tolerance`, relative to the larger of 1 and the expected value.
func isClose(_ found: [Float], _ expected: [Double], tolerance: Double = 1e-5) -> Bool {
    found.count == expected.count
        && zip(found, expected).allSatisfy { abs(Double($0) - $1) <= tolerance * max(1, abs($1)) }
}
