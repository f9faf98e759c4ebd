import KernelIR
import TensorRuntime

/// How a convolution is cut into work-items.
enum ConvolutionSchedule: Hashable, Sendable {
    /// One work-item computes blocks of `rows` result channels by `vectors` vectors along the result's width, in
    /// registers; a weight gradient in tiles of `gradientRows` output channels by as many taps.
    case direct(rows: Int, vectors: Int, gradientRows: Int)
    /// One workgroup computes a tile of the matrix product that the convolution is, from tiles in shared memory.
    case implicitProduct(ProductTile)

    /// The schedules by name, those preferred first.
    static let table: [(name: String, schedule: ConvolutionSchedule)] = [
        ("direct6x2", .direct(rows: 6, vectors: 2, gradientRows: 3)),
        ("direct4x2", .direct(rows: 4, vectors: 2, gradientRows: 2)),
        ("direct12x2", .direct(rows: 12, vectors: 2, gradientRows: 4)),
        ("tile64x64", .implicitProduct(ProductTile(rows: 64, columns: 64, depth: 16, threadRows: 4, threadColumns: 4))),
        ("tile32x64", .implicitProduct(ProductTile(rows: 32, columns: 64, depth: 16, threadRows: 2, threadColumns: 4))),
        ("tile32x32", .implicitProduct(ProductTile(rows: 32, columns: 32, depth: 16, threadRows: 2, threadColumns: 2))),
        ("tile16x16", .implicitProduct(ProductTile(rows: 16, columns: 16, depth: 16, threadRows: 2, threadColumns: 2))),
    ]

    /// The names of those that fit, best first.
    static func fitting(_ body: ConvolutionKernel, target: ShaderTarget) -> [String] {
        let geometry = ConvolutionGeometry(body)
        let names = table.filter { $0.schedule.fits(geometry, target: target) }.map(\.name)
        guard target.deviceClass == .gpu else { return names }
        // The largest tile that is filled and gives every compute unit work. Wide tiles are for few rows only, so that the
        // batch decides among three.
        let preferred = names.first { name in
            guard case .implicitProduct(let tile)? = named(name) else { return false }
            let product = ImplicitProduct(body, tile: tile, target: target)
            return product.rows > tile.rows / 2 && product.columns > tile.columns / 2
                && (tile.rows == tile.columns || product.rows <= tile.rows)
                && product.tileCount * product.splits >= target.computeUnits
        }
        let first = preferred ?? names.last ?? table[table.count - 1].name
        return [first] + names.filter { $0 != first }
    }

    static func named(_ name: String) -> ConvolutionSchedule? {
        table.first { $0.name == name }?.schedule
    }

    private func fits(_ geometry: ConvolutionGeometry, target: ShaderTarget) -> Bool {
        switch self {
        case .direct(let rows, _, _):
            // Twelve rows need the registers of 512-bit vectors.
            return target.deviceClass == .cpu && (rows <= 6 || target.vectorWidth >= 16)
        case .implicitProduct(let tile):
            return target.deviceClass == .gpu && tile.threadCount <= target.maximumWorkgroupSize
                && tile.sharedCount * geometry.compute.byteCount <= target.sharedByteCount
        }
    }
}

/// The tile of one workgroup in an implicit matrix product, and the part of one work-item.
struct ProductTile: Hashable, Sendable {
    var rows: Int
    var columns: Int
    var depth: Int
    var threadRows: Int
    var threadColumns: Int

    var threadCount: Int { rows / threadRows * (columns / threadColumns) }
    /// Elements of shared memory: a tile of each operand, and the result's.
    var sharedCount: Int { (rows + columns) * depth + rows * columns }
}
