/// A mark by which a device is known whichever driver shows it: its UUID, or its place on the PCI bus. A driver may know one,
/// both or none.
public struct PhysicalID: Hashable, Sendable, CustomStringConvertible {
    private enum Mark: Hashable {
        case uuid([UInt8])
        case pci(domain: Int, bus: Int, device: Int, function: Int)
    }

    private let mark: Mark

    /// - Parameter uuid: the bytes that drivers of one device agree on; nil comes of zeros, which say nothing.
    public init?(uuid: [UInt8]) {
        if uuid.allSatisfy({ $0 == 0 }) { return nil }
        mark = .uuid(uuid)
    }

    /// The place on the PCI bus, as `lspci` prints it.
    public init(domain: Int, bus: Int, device: Int, function: Int) {
        mark = .pci(domain: domain, bus: bus, device: device, function: function)
    }

    /// As in `uuid:0a1b...` and `pci:0000:65:00.0`.
    public var description: String {
        func hex(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: max(digits - text.count, 0)) + text
        }
        return switch mark {
        case .uuid(let bytes): "uuid:" + bytes.map { hex(Int($0), 2) }.joined()
        case .pci(let domain, let bus, let device, let function):
            "pci:\(hex(domain, 4)):\(hex(bus, 2)):\(hex(device, 2)).\(hex(function, 1))"
        }
    }
}
