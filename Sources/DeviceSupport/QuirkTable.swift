import TensorRuntime

/// A way around what a driver does wrong.
public struct Quirk<Driver>: Sendable {
    /// The backend's name, a dot, and the quirk's own: `opencl.one-queue`.
    public let name: String
    /// What it does, and what goes wrong without it, in a sentence.
    public let summary: String
    /// The driver and version in which the fault was seen first.
    public let since: String
    /// Where the fault is reported; nil where no report is known.
    public let issue: String?
    /// Whether a driver has the fault.
    public let applies: @Sendable (Driver) -> Bool

    public init(
        name: String, summary: String, since: String, issue: String? = nil,
        applies: @escaping @Sendable (Driver) -> Bool
    ) {
        self.name = name
        self.summary = summary
        self.since = since
        self.issue = issue
        self.applies = applies
    }
}

/// A backend's quirks, one row each: the only place where a driver is asked for its name.
public struct QuirkTable<Driver>: Sendable {
    public let backend: String
    public let rows: [Quirk<Driver>]

    public init(backend: String, rows: [Quirk<Driver>]) {
        self.backend = backend
        self.rows = rows
    }

    /// The quirks in force for a driver, in the table's order: those that apply, and those that are forced on
    /// (``RuntimeConfiguration/quirks``) but for those forced off.
    ///
    /// - Throws: `invalidArgument` where a quirk of this backend is forced that the table does not have.
    public func inForce(
        for driver: Driver, configuration: RuntimeConfiguration
    ) throws(TensorError) -> [Quirk<Driver>] {
        let known = rows.map(\.name)
        let own = configuration.quirks.keys.filter { $0.hasPrefix("\(backend).") }
        if let stray = own.sorted().first(where: { !known.contains($0) }) {
            throw TensorError(
                .invalidArgument,
                "\(backend): there is no quirk '\(stray)'; NEEDLETAIL_QUIRKS may name "
                    + (known.isEmpty ? "none of this backend" : known.joined(separator: ", ")))
        }
        return rows.filter { configuration.quirks[$0.name] ?? $0.applies(driver) }
    }
}
