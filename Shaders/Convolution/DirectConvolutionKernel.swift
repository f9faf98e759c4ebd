import KernelIR
import TensorRuntime

/// Writes the kernel of a direct convolution.
struct DirectConvolutionKernel {
    let rows: Int
    let vectors: Int
    let lanes: Int
    /// Whether the frame's columns lie in phases, that is, the horizontal stride is not 1.
    let isPhased: Bool
    let index: ScalarType
    let source: DType
    let compute: DType

    var variant: [Int] { [lanes, isPhased ? 1 : 0, Int(index.rawValue), Int(source.rawValue)] }

    func build(_ epilogue: FusedKernel) -> Kernel {
        KernelBuilder.build("convolution_direct") { k in
            let p = Parameters(k, self)
            let emitter = EpilogueEmitter(k, epilogue)
            let item = k.group(index)
            let tilePart = item % p.tileParts
            let blockPart = item / p.tileParts % p.blockParts
            let group = item / p.tileParts / p.blockParts
            let firstTile = tilePart * p.tilesPerItem
            let firstBlock = blockPart * p.blocksPerItem
            let scratchBase = item * (rows * vectors * lanes)
            k.loop(from: firstTile, to: k.least(firstTile + p.tilesPerItem, p.tiles)) { tile in
                let bases = (0..<vectors).map { vector in base(k, p, tile: tile, vector: vector, group: group) }
                k.loop(from: firstBlock, to: k.least(firstBlock + p.blocksPerItem, p.blocks)) { block in
                    tileSums(k, p, bases: bases, block: group * p.blocks + block, scratchBase: scratchBase)
                    finish(k, p, emitter, tile: tile, block: block, group: group, scratchBase: scratchBase)
                }
            }
        }
    }

    /// The kernel's buffers and arguments.
    private struct Parameters {
        let source, weights, scratch: BufferReference
        let depth, rows, blocks, channels: Value
        let planeSize, rowStride, tapRows, tapColumns, tapStride, columnStride: Value
        let height, width, vectors, slots, tiles: Value
        let tilesPerItem, tileParts, blocksPerItem, blockParts: Value
        let phases, phaseStep, phaseWrap: Value?

        init(_ k: KernelBuilder, _ kernel: DirectConvolutionKernel) {
            source = k.buffer("source", kernel.source, .read)
            weights = k.buffer("weights", kernel.compute, .read)
            scratch = k.buffer("scratch", kernel.compute, .readWrite)
            let argument = { (name: String) in k.argument(name, kernel.index) }
            (depth, rows, blocks) = (argument("depth"), argument("rows"), argument("blocks"))
            (channels, planeSize) = (argument("channels"), argument("planeSize"))
            (rowStride, tapRows, tapColumns) = (argument("rowStride"), argument("tapRows"), argument("tapColumns"))
            (tapStride, columnStride) = (argument("tapStride"), argument("columnStride"))
            (height, width, vectors) = (argument("height"), argument("width"), argument("vectors"))
            (slots, tiles) = (argument("slots"), argument("tiles"))
            (tilesPerItem, tileParts) = (argument("tilesPerItem"), argument("tileParts"))
            (blocksPerItem, blockParts) = (argument("blocksPerItem"), argument("blockParts"))
            phases = kernel.isPhased ? argument("phases") : nil
            phaseStep = kernel.isPhased ? argument("phaseStep") : nil
            phaseWrap = kernel.isPhased ? argument("phaseWrap") : nil
        }
    }

    /// Where the lanes of a slot start in the frame, under the first tap. The last vector of a row is moved back into it.
    private func base(_ k: KernelBuilder, _ p: Parameters, tile: Value, vector: Int, group: Value) -> Value {
        let slot = k.least(tile * vectors + vector, p.slots - 1)
        let place = self.place(k, p, slot: slot)
        return (place.image * p.channels + group * p.depth) * p.planeSize + place.row * p.rowStride + place.start
    }

    private func place(_ k: KernelBuilder, _ p: Parameters, slot: Value)
        -> (image: Value, row: Value, column: Value, start: Value)
    {
        let line = slot / p.vectors
        let column = (slot - line * p.vectors) * lanes
        let last = (p.width - lanes).binary(.maximum, k.constant(0, ValueType(index)))
        let image = line / p.height
        return (image, line - image * p.height, column, k.least(column, last))
    }

    /// Sums a tile over channels and taps, and leaves it in the scratch.
    private func tileSums(
        _ k: KernelBuilder, _ p: Parameters, bases: [Value], block: Value, scratchBase: Value
    ) {
        let vector = ValueType(compute.valueScalar, width: lanes)
        let zero = k.constant(0, vector)
        let sums = (0..<rows * vectors).map { _ in k.variable(zero) }
        let weight = k.variable(block * p.depth * p.tapRows * p.tapColumns * rows)
        k.loop(from: 0, to: p.depth) { channel in
            let plane = channel * p.planeSize
            k.loop(from: 0, to: p.tapRows) { tapRow in
                let line = plane + tapRow * p.tapStride
                forEachColumn(k, p) { column in
                    let offset = line + column
                    let values = bases.map { p.source.load($0 + offset, width: lanes) }
                    let first = weight.value
                    for row in 0..<rows {
                        let factor = p.weights[first + row]
                        for (position, value) in values.enumerated() {
                            let sum = sums[row * vectors + position]
                            sum.value = k.multiplyAdd(factor, value, sum.value)
                        }
                    }
                    weight.value = first + rows
                }
            }
        }
        for (position, sum) in sums.enumerated() {
            p.scratch.store(sum.value, at: scratchBase + position * lanes)
        }
    }

    /// Walks the taps of a row, with the offset of each.
    private func forEachColumn(_ k: KernelBuilder, _ p: Parameters, _ body: (Value) -> Void) {
        guard let phases = p.phases, let step = p.phaseStep, let wrap = p.phaseWrap else {
            k.loop(from: 0, to: p.tapColumns) { tap in body(tap * p.columnStride) }
            return
        }
        let zero = k.constant(0, ValueType(index))
        let offset = k.variable(zero)
        let phase = k.variable(zero)
        k.loop(from: 0, to: p.tapColumns) { _ in
            body(offset.value)
            let next = phase.value + step
            let wraps = next >= phases
            phase.value = next - k.select(wraps, phases, zero)
            offset.value = offset.value + p.columnStride - k.select(wraps, wrap, zero)
        }
    }

    /// Runs the epilogue over the tile in the scratch.
    private func finish(
        _ k: KernelBuilder, _ p: Parameters, _ emitter: EpilogueEmitter, tile: Value, block: Value, group: Value,
        scratchBase: Value
    ) {
        let firstRow = block * rows
        let firstSlot = tile * vectors
        k.loop(from: firstSlot, to: k.least(firstSlot + vectors, p.slots)) { slot in
            let place = self.place(k, p, slot: slot)
            let from = scratchBase + (slot - firstSlot) * lanes
            let isWhole = place.column + lanes <= p.width
            k.loop(from: firstRow, to: k.least(firstRow + rows, p.rows)) { row in
                let tileRow = from + (row - firstRow) * (vectors * lanes)
                let outer = [place.image, group * p.rows + row, place.row].map { $0.convert(to: .int32) }
                k.if(isWhole) {
                    let column = place.column.convert(to: .int32)
                    emitter.emit(p.scratch.load(tileRow, width: lanes), at: outer + [column])
                } else: {
                    k.loop(from: place.column, to: p.width) { column in
                        let value = p.scratch[tileRow + (column - place.start)]
                        emitter.emit(value, at: outer + [column.convert(to: .int32)])
                    }
                }
            }
        }
    }
}
