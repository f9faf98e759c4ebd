import KernelIR
import Testing

extension KernelTarget {
    /// A device with nothing but 32-bit types and vectors of some lanes.
    static func poor(lanes: Int = 4, having features: KernelFeatures = []) -> KernelTarget {
        KernelTarget(features: features, maximumVectorLanes: lanes, subgroupSize: 4)
    }
}

/// A buffer's bytes, whole words of them, and the element at which the operand begins.
struct Region {
    var bytes: [UInt8]
    var offset = 0

    init<Element: BitwiseCopyable>(_ elements: [Element], offset: Int = 0) {
        bytes = elements.withUnsafeBytes { Array($0) }
        while bytes.count % 8 != 0 { bytes.append(0xA5) }
        self.offset = offset
    }

    func elements<Element: BitwiseCopyable>(as _: Element.Type) -> [Element] {
        bytes.withUnsafeBytes { memory in
            (0..<memory.count / MemoryLayout<Element>.size).map {
                memory.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: Element.self)
            }
        }
    }
}

/// What the regions hold after a kernel, run as it is or as it is for a target.
func run(
    _ kernel: Kernel, for target: KernelTarget?, workgroups: Int = 1, arguments: [UInt64] = [], _ regions: [Region]
) throws -> [Region] {
    let memory = regions.map { region in
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: region.bytes.count, alignment: 64)
        copy.copyBytes(from: region.bytes)
        return copy
    }
    defer { for region in memory { region.deallocate() } }
    let buffers = zip(memory, regions).map { InterpreterBuffer(region: $0, offset: $1.offset) }
    if let target {
        let legal = try kernel.legalized(for: target)
        try KernelInterpreter(legal.kernel, subgroupSize: target.subgroupSize ?? 8).launch(
            workgroups: [workgroups, 1, 1],
            arguments: legal.argumentBits(arguments, offsets: regions.map(\.offset)),
            buffers: buffers.enumerated().map { legal.buffer($0.offset, $0.element) })
    } else {
        try kernel.validate()
        try KernelInterpreter(kernel, subgroupSize: 4).launch(
            workgroups: [workgroups, 1, 1], arguments: arguments, buffers: buffers)
    }
    return zip(memory, regions).map { Region(Array($0), offset: $1.offset) }
}

/// Expects that a kernel writes the same bytes for a target as it does as it is, and that it needs no more than the target
/// has; gives the regions then.
@discardableResult
func expectSame(
    _ kernel: Kernel, for target: KernelTarget = .poor(), workgroups: Int = 1, arguments: [UInt64] = [],
    _ regions: [Region], _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Region] {
    let expected = try run(kernel, for: nil, workgroups: workgroups, arguments: arguments, regions)
    let got = try run(kernel, for: target, workgroups: workgroups, arguments: arguments, regions)
    for (number, (got, expected)) in zip(got, expected).enumerated() where got.bytes != expected.bytes {
        let place = zip(got.bytes, expected.bytes).enumerated().first { $0.element.0 != $0.element.1 }!.offset
        Issue.record(
            "\(what): byte \(place) of buffer \(number) is \(got.bytes[place]), not \(expected.bytes[place])",
            sourceLocation: sourceLocation)
    }
    return got
}
