import TensorRuntime

/// Runs the catalogue on a device, and checks the contract that its streams must keep.
///
/// Each row runs twice, on outputs filled with two different patterns and surrounded by guard bytes. Both runs must
/// write the same bits, nothing outside their outputs, and what the reference expects. The suite keeps what the
/// reference gave, so that one suite checks several devices for little more than the price of one.
public final class ConformanceSuite: Sendable {
    private let expectations = Lock<[String: [HostWrites]]>([:])

    /// Of the whole catalogue. What the reference gives is computed when the first device asks for it.
    public init() {}

    /// Checks the contract (``runContract(on:)``), and runs every row that fits the device's description; or runs the rows
    /// given.
    public func run(device: any Device, cases: [ConformanceCase]? = nil) -> [ConformanceResult] {
        if let cases { return cases.map { run($0, on: device) } }
        return runContract(on: device)
            + ConformanceCatalogue.cases(for: device.description).map { run($0, on: device) }
    }

    /// Runs one row; an error thrown by the device is a failure.
    public func run(_ row: ConformanceCase, on device: any Device) -> ConformanceResult {
        if let reason = skipReason(row, on: device) { return result(row, .skipped(reason)) }
        do {
            let expected = try expectation(of: row)
            let kernel = try device.makeKernel(row.spec)
            let first = try CaseRun(row, device: device, kernel: kernel, pattern: 0xFF)
            let (complaint, error) = first.complaint(expected: expected)
            if let complaint { return result(row, .failed(complaint), error: error) }
            let second = try CaseRun(row, device: device, kernel: kernel, pattern: 0x5A)
            if let violation = second.violation { return result(row, .failed(violation), error: error) }
            if first.digest(of: expected) != second.digest(of: expected) {
                return result(
                    row, .failed("two runs wrote different bits, or left elements of an output unwritten"),
                    error: error)
            }
            return result(row, .passed, error: error, digest: first.digest(of: expected))
        } catch {
            return result(row, .failed("\(error)"))
        }
    }

    /// Why the device would not run `row`, or nil.
    public func skipReason(_ row: ConformanceCase, on device: any Device) -> String? {
        let missing = row.dtypes.subtracting(device.description.dtypes)
        if let dtype = missing.min(by: { $0.rawValue < $1.rawValue }) {
            return "\(device.description.id) has no \(dtype)"
        }
        return device.unsupportedReason(row.spec)
    }

    /// What the reference gives for `row`, computed once.
    func expectation(of row: ConformanceCase) throws(TensorError) -> [HostWrites] {
        if let known = expectations.withLock({ $0[row.name] }) { return known }
        let writes = try row.expected()
        expectations.withLock { $0[row.name] = writes }
        return writes
    }

    private func result(
        _ row: ConformanceCase, _ outcome: ConformanceResult.Outcome, error: Double = 0, digest: UInt64 = 0
    ) -> ConformanceResult {
        ConformanceResult(
            name: row.name, tags: row.tags, family: row.family, outcome: outcome, error: error, digest: digest)
    }
}
