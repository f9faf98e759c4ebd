import KernelIR
import TensorRuntime

/// Writes the kernel of an ``ImplicitProduct``.
///
/// Work-items fill a tile of each matrix in shared memory, wait, and multiply; every work-item keeps its part of the
/// result in vectors. At the end the result goes through shared memory, so that neighbours store neighbours.
struct ImplicitProductKernel {
    let tile: ProductTile
    let kind: ConvolutionKernel.Kind
    let isGrouped: Bool
    let index: ScalarType
    let dtype: DType
    let compute: DType

    /// An element of a matrix, for a line (a row or a column) that is known outside the loop over the depth.
    typealias Line = (_ depth: Value, _ isInside: Value) -> Value

    func build(_ epilogue: FusedKernel) -> Kernel {
        KernelBuilder.build("convolution_product", workgroupSize: [tile.threadCount, 1, 1]) { k in
            let p = ImplicitProductParameters(k, self)
            let emitter = kind == .weightGradient ? nil : EpilogueEmitter(k, epilogue)
            let group = k.group(index)
            let columnTile = group % p.columnTiles
            let rowTile = group / p.columnTiles % p.rowTiles
            var rest = group / p.columnTiles / p.rowTiles
            let channelGroup = isGrouped ? rest % p.groups : k.constant(0, ValueType(index))
            if isGrouped { rest = rest / p.groups }
            let matrices = ImplicitProductMatrices(k, p, kind, group: channelGroup)
            let firstRow = rowTile * tile.rows
            let firstColumn = columnTile * tile.columns
            let first = rest * p.splitLength
            let result = product(
                k, p, matrices, firstRow: firstRow, firstColumn: firstColumn, first: first,
                last: k.least(first + p.splitLength, p.depth))
            let lane = k.localID(0)
            let share = tile.rows * tile.columns / tile.threadCount
            k.loop(from: k.int(0), to: k.int(share)) { step in
                let place = step * tile.threadCount + lane
                let row = firstRow + (place / tile.columns).convert(to: index)
                let column = firstColumn + (place % tile.columns).convert(to: index)
                k.if((row < p.rows) & (column < p.columns)) {
                    guard let emitter else {
                        let line = (rest * p.groups + channelGroup) * p.rows + row
                        p.partial![line * p.columns + column] = result[place]
                        return
                    }
                    let pixel = p.pixel(column)
                    let coordinates = [pixel.image, channelGroup * p.rows + row, pixel.row, pixel.column]
                    emitter.emit(result[place], at: coordinates.map { $0.convert(to: .int32) })
                }
            }
        }
    }

    /// Computes a tile of the product and leaves it in shared memory.
    private func product(
        _ k: KernelBuilder, _ p: ImplicitProductParameters, _ matrices: ImplicitProductMatrices, firstRow: Value,
        firstColumn: Value, first: Value, last: Value
    ) -> SharedReference {
        let scalar = compute.valueScalar
        let a = k.shared("tileA", scalar, count: tile.rows * tile.depth)
        let b = k.shared("tileB", scalar, count: tile.columns * tile.depth)
        let result = k.shared("tileC", scalar, count: tile.rows * tile.columns)
        let rowFill = fill(
            k, a, lines: tile.rows, along: true, first: firstRow, limit: p.rows, matrix: matrices.row)
        let columnFill = fill(
            k, b, lines: tile.columns, along: kind == .weightGradient, first: firstColumn, limit: p.columns,
            matrix: matrices.column)
        let lane = k.localID(0)
        let threadsAcross = tile.columns / tile.threadColumns
        let row = lane / threadsAcross * tile.threadRows
        let column = lane % threadsAcross * tile.threadColumns
        let zero = k.constant(0, ValueType(scalar, width: tile.threadColumns))
        let sums = (0..<tile.threadRows).map { _ in k.variable(zero) }
        k.loop(from: first, to: last, by: tile.depth) { start in
            rowFill(start, last)
            columnFill(start, last)
            k.barrier()
            k.loop(from: k.int(0), to: k.int(tile.depth), unrolls: true) { place in
                let factors = a.load(place * tile.rows + row, width: tile.threadRows)
                let values = b.load(place * tile.columns + column, width: tile.threadColumns)
                for (number, sum) in sums.enumerated() {
                    sum.value = k.multiplyAdd(factors.lane(number), values, sum.value)
                }
            }
            k.barrier()
        }
        for (number, sum) in sums.enumerated() {
            result.store(sum.value, at: (row + number) * tile.columns + column)
        }
        k.barrier()
        return result
    }

    /// Makes ready to fill a tile `[depth][line]` from depth `start` on; elements outside the matrix are 0.
    ///
    /// - Parameter along: whether neighbouring work-items read neighbours in depth, rather than neighbouring lines.
    private func fill(
        _ k: KernelBuilder, _ shared: SharedReference, lines: Int, along: Bool, first: Value, limit: Value,
        matrix: (_ line: Value) -> Line
    ) -> (_ start: Value, _ last: Value) -> Void {
        let lane = k.localID(0)
        let threads = tile.threadCount
        var elements: [(line: Value, depth: Value, isLine: Value, load: Line)] = []
        for number in 0..<lines * tile.depth / threads {
            let line = along ? lane / tile.depth + number * (threads / tile.depth) : lane % lines
            let depth = along ? lane % tile.depth : lane / lines + number * (threads / lines)
            let place = first + line.convert(to: index)
            elements.append((line, depth, place < limit, matrix(place)))
        }
        return { start, last in
            for element in elements {
                let depth = start + element.depth.convert(to: index)
                shared[element.depth * lines + element.line] = element.load(depth, element.isLine & (depth < last))
            }
        }
    }
}

/// The buffers and arguments of an ``ImplicitProductKernel``.
struct ImplicitProductParameters {
    let a, b: BufferReference
    let partial: BufferReference?
    let rows, columns, depth, splitLength, rowTiles, columnTiles, groups: Value
    let groupInputs, groupOutputs, taps, tapColumns: Value
    let sourceHeight, sourceWidth, pixelHeight, pixelWidth: Value
    let strideRows, strideColumns, paddingRows, paddingColumns, dilationRows, dilationColumns: Value

    init(_ k: KernelBuilder, _ kernel: ImplicitProductKernel) {
        a = k.buffer("a", kernel.dtype, .read)
        b = k.buffer("b", kernel.dtype, .read)
        partial = kernel.kind == .weightGradient ? k.buffer("partial", kernel.compute, .write) : nil
        let argument = { (name: String) in k.argument(name, kernel.index) }
        (rows, columns, depth) = (argument("rows"), argument("columns"), argument("depth"))
        (splitLength, rowTiles) = (argument("splitLength"), argument("rowTiles"))
        (columnTiles, groups) = (argument("columnTiles"), argument("groups"))
        (groupInputs, groupOutputs) = (argument("groupInputs"), argument("groupOutputs"))
        (taps, tapColumns) = (argument("taps"), argument("tapColumns"))
        (sourceHeight, sourceWidth) = (argument("sourceHeight"), argument("sourceWidth"))
        (pixelHeight, pixelWidth) = (argument("pixelHeight"), argument("pixelWidth"))
        (strideRows, strideColumns) = (argument("strideRows"), argument("strideColumns"))
        (paddingRows, paddingColumns) = (argument("paddingRows"), argument("paddingColumns"))
        (dilationRows, dilationColumns) = (argument("dilationRows"), argument("dilationColumns"))
    }

    func pixel(_ number: Value) -> (image: Value, row: Value, column: Value) {
        let line = number / pixelWidth
        let image = line / pixelHeight
        return (image, line - image * pixelHeight, number - line * pixelWidth)
    }

    func tap(_ number: Value) -> (channel: Value, row: Value, column: Value) {
        let channel = number / taps
        let tap = number - channel * taps
        let row = tap / tapColumns
        return (channel, row, tap - row * tapColumns)
    }
}

/// The two matrices whose product a convolution is, as functions that give a line's elements.
struct ImplicitProductMatrices {
    private let k: KernelBuilder
    private let p: ImplicitProductParameters
    private let kind: ConvolutionKernel.Kind
    private let group: Value

    init(_ k: KernelBuilder, _ p: ImplicitProductParameters, _ kind: ConvolutionKernel.Kind, group: Value) {
        self.k = k
        self.p = p
        self.kind = kind
        self.group = group
    }

    /// A row of the left matrix: a channel's weights, or its gradient at all pixels.
    func row(_ row: Value) -> ImplicitProductKernel.Line {
        let channel = group * p.groupOutputs + row
        switch kind {
        case .forward:
            let base = channel * p.depth
            return { depth, isInside in load(p.b, base + depth, isInside) }
        case .inputGradient:
            let base = group * p.groupOutputs * p.groupInputs * p.taps + row * p.taps
            let far = p.groupInputs * p.taps
            return { depth, isInside in
                let output = depth / p.taps
                return load(p.b, base + output * far + (depth - output * p.taps), isInside)
            }
        case .weightGradient:
            let plane = p.pixelHeight * p.pixelWidth
            let channels = p.groups * p.groupOutputs
            return { depth, isInside in
                let image = depth / plane
                return load(p.b, (image * channels + channel) * plane + (depth - image * plane), isInside)
            }
        }
    }

    /// A column of the right matrix: what all taps read at a pixel, or what one tap reads at all pixels.
    func column(_ column: Value) -> ImplicitProductKernel.Line {
        if kind == .weightGradient {
            let tap = p.tap(column)
            return { depth, isInside in source(p.pixel(depth), tap, isInside) }
        }
        let pixel = p.pixel(column)
        return { depth, isInside in source(pixel, p.tap(depth), isInside) }
    }

    /// What a tap reads at a pixel; zero outside.
    private func source(
        _ pixel: (image: Value, row: Value, column: Value), _ tap: (channel: Value, row: Value, column: Value),
        _ isInside: Value
    ) -> Value {
        let row: (at: Value, isInside: Value)
        let column: (at: Value, isInside: Value)
        let inputs = kind == .inputGradient ? p.groupOutputs : p.groupInputs
        if kind == .inputGradient {
            row = gathered(pixel.row, tap.row, p.paddingRows, p.dilationRows, p.strideRows, p.sourceHeight)
            column = gathered(
                pixel.column, tap.column, p.paddingColumns, p.dilationColumns, p.strideColumns, p.sourceWidth)
        } else {
            let line = pixel.row * p.strideRows - p.paddingRows + tap.row * p.dilationRows
            row = (line, (line >= 0) & (line < p.sourceHeight))
            let place = pixel.column * p.strideColumns - p.paddingColumns + tap.column * p.dilationColumns
            column = (place, (place >= 0) & (place < p.sourceWidth))
        }
        let channel = (pixel.image * p.groups + group) * inputs + tap.channel
        let at = (channel * p.sourceHeight + row.at) * p.sourceWidth + column.at
        return load(p.a, at, isInside & row.isInside & column.isInside)
    }

    /// The output place that reached input place `at` through a tap.
    private func gathered(
        _ at: Value, _ tap: Value, _ padding: Value, _ dilation: Value, _ stride: Value, _ extent: Value
    ) -> (at: Value, isInside: Value) {
        let place = at + padding - tap * dilation
        let result = place / stride
        return (result, (place >= 0) & (result * stride == place) & (result < extent))
    }

    private func load(_ buffer: BufferReference, _ at: Value, _ isInside: Value) -> Value {
        let value = buffer[k.select(isInside, at, k.constant(0, at.type))]
        return k.select(isInside, value, k.constant(0, value.type))
    }
}
