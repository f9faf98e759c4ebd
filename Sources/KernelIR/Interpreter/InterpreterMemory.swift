import TensorRuntime

/// A buffer during one launch.
struct BoundBuffer {
    let name: String
    let element: DType
    let base: UnsafeMutableRawPointer
    /// The region's element that has index 0, and the indices that may be touched.
    let offset: Int
    let bounds: Range<Int>
    let written: UnsafeMutablePointer<Bool>?
    /// The number of the table that says who touched what; nil where nothing writes the region.
    var table: Int?
}

/// Who touched each place of a region during one launch.
///
/// Nothing orders the work-items of a launch at a buffer, so two of them at one place of which one writes are a race.
struct AccessTable {
    /// Work-items by their number plus one; 0 for none.
    struct Entry {
        var writer: Int32
        /// -1 for several.
        var reader: Int32
    }

    let entries: UnsafeMutablePointer<Entry>
    /// Bytes of a place.
    let unit: Int

    init(byteCount: Int, unit: Int) {
        let count = byteCount / unit + 1
        entries = .allocate(capacity: count)
        entries.initialize(repeating: Entry(writer: 0, reader: 0), count: count)
        self.unit = unit
    }

    /// Whether work-item `item` may read there.
    @inline(__always) func read(_ place: Int, by item: Int32) -> Bool {
        let entry = entries + place
        if entry.pointee.reader != item { entry.pointee.reader = entry.pointee.reader == 0 ? item : -1 }
        return entry.pointee.writer == 0 || entry.pointee.writer == item
    }

    /// Whether work-item `item` may write there.
    @inline(__always) func write(_ place: Int, by item: Int32) -> Bool {
        let entry = entries + place
        let isFree =
            (entry.pointee.writer == 0 || entry.pointee.writer == item)
            && (entry.pointee.reader == 0 || entry.pointee.reader == item)
        entry.pointee.writer = item
        return isFree
    }
}

/// The shared arrays of the workgroup that runs, and who touched what since which barrier.
struct SharedMemory {
    /// A moment is a stretch between two barriers; moments are numbered from 1 on through all workgroups.
    struct Entry {
        var writer: Int32
        var writeMoment: Int32
        /// -1 for several.
        var reader: Int32
        var readMoment: Int32
    }

    let bytes: UnsafeMutableRawPointer
    let entries: UnsafeMutablePointer<Entry>
    /// The first moment of the workgroup, and the present one.
    private(set) var firstMoment: Int32 = 0
    private(set) var moment: Int32 = 0

    init(count: Int, byteCount: Int) {
        bytes = .allocate(byteCount: max(byteCount, 1), alignment: 64)
        entries = .allocate(capacity: max(count, 1))
        entries.initialize(repeating: Entry(writer: 0, writeMoment: 0, reader: 0, readMoment: 0), count: max(count, 1))
    }

    mutating func beginWorkgroup() {
        moment += 1
        firstMoment = moment
    }

    mutating func passBarrier() { moment += 1 }

    func isWritten(_ place: Int) -> Bool { entries[place].writeMoment >= firstMoment }

    /// Whether work-item `item` may read there.
    @inline(__always) func read(_ place: Int, by item: Int32) -> Bool {
        let entry = entries + place
        if entry.pointee.readMoment != moment {
            entry.pointee.readMoment = moment
            entry.pointee.reader = item
        } else if entry.pointee.reader != item {
            entry.pointee.reader = -1
        }
        return entry.pointee.writeMoment != moment || entry.pointee.writer == item
    }

    /// Whether work-item `item` may write there.
    @inline(__always) func write(_ place: Int, by item: Int32) -> Bool {
        let entry = entries + place
        let isFree =
            (entry.pointee.writeMoment != moment || entry.pointee.writer == item)
            && (entry.pointee.readMoment != moment || entry.pointee.reader == item)
        entry.pointee.writer = item
        entry.pointee.writeMoment = moment
        return isFree
    }
}

extension InterpreterMachine {
    /// The buffers of a launch, and a table for each region that one of them writes.
    static func bind(_ buffers: [InterpreterBuffer], of program: InterpreterProgram) -> ([BoundBuffer], [AccessTable]) {
        let kernel = program.kernel
        var bound = zip(kernel.buffers, buffers).map { parameter, buffer in
            let count = buffer.region.count / parameter.element.byteCount
            let whole = -buffer.offset..<max(count - buffer.offset, -buffer.offset)
            return BoundBuffer(
                name: parameter.name, element: parameter.element,
                base: buffer.region.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 64)!, offset: buffer.offset,
                bounds: buffer.bounds?.clamped(to: whole) ?? whole, written: buffer.written)
        }
        var tables: [AccessTable] = []
        var known: [UnsafeMutableRawPointer: Int] = [:]
        for (position, parameter) in kernel.buffers.enumerated() where parameter.access != .read {
            let base = bound[position].base
            if known[base] != nil { continue }
            let sharing = bound.indices.filter { bound[$0].base == base }
            known[base] = tables.count
            for other in sharing { bound[other].table = tables.count }
            tables.append(
                AccessTable(
                    byteCount: buffers[position].region.count,
                    unit: program.usesBits ? 1 : sharing.map { bound[$0].element.byteCount }.min()!))
        }
        return (bound, tables)
    }
}
