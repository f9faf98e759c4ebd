import TensorRuntime

/// A device that a loader lists, with what it says of itself.
public protocol ListedDevice: Sendable {
    var description: DeviceDescription { get }
}

/// What is wrong with a loader, a driver or a device, which is left out.
public struct DriverComplaint: Error {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }
}

/// What a backend found: its loader and the devices that it lists.
public struct DriverProbe<Library: Sendable, Device: ListedDevice>: Sendable {
    private let library: Library?
    private let devices: [Device]
    public let report: ProbeReport

    /// Nothing, for some reasons.
    public init(nothing notes: [String]) {
        library = nil
        devices = []
        report = ProbeReport(notes: notes)
    }

    /// - Parameter cache: where compiled programs would be kept; that they cannot be is one note more.
    public init(_ library: Library, _ devices: [Device], notes: [String], cache: ProgramCache) {
        self.library = library
        self.devices = devices
        let complaint = devices.isEmpty || cache.directory.isEmpty ? nil : cache.complaint
        report = ProbeReport(devices: devices.map(\.description), notes: notes + [complaint].compactMap { $0 })
    }

    /// A device by its index.
    ///
    /// - Throws: `deviceUnavailable` where there is none, with what was left out.
    public func device(_ index: Int, of backend: String) throws(TensorError) -> (library: Library, info: Device) {
        if let library, devices.indices.contains(index) { return (library, devices[index]) }
        let why = report.notes.joined(separator: "; ")
        throw TensorError(
            .deviceUnavailable, "device \(backend):\(index) is not there" + (why.isEmpty ? "" : ": \(why)"))
    }

    /// The loader, where there is one.
    package var loader: Library? { library }
}

/// A value that is made when it is first asked for, by one thread.
package final class Once<Value: Sendable>: Sendable {
    private let value = Lock<Value?>(nil)

    package init() {}

    package func get(_ make: () -> Value) -> Value {
        value.withLock { value in
            if let value { return value }
            let made = make()
            value = made
            return made
        }
    }
}

/// Texts as drivers give them.
package enum DriverText {
    /// The text before the first zero of some bytes, its words a space apart.
    package static func words(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// A loader that `open` opens; else what it wrote for a reason, in one line.
    package static func loader(
        of interface: String, remedy: String,
        _ open: (_ reason: UnsafeMutablePointer<CChar>, _ capacity: Int) -> OpaquePointer?
    ) throws(DriverComplaint) -> OpaquePointer {
        let capacity = 512
        var reason = [CChar](repeating: 0, count: capacity)
        if let opened = open(&reason, capacity) { return opened }
        let text = String(decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        throw DriverComplaint("no \(interface) loader: \(text); \(remedy)")
    }
}
