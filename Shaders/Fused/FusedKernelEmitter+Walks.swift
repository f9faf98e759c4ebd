import KernelIR

extension FusedKernelEmitter {
    private var partNumber: Value { k.workgroupID(2).convert(to: steps.classes.indexScalar) }

    /// Where the row outputs of this part lie, behind those of the parts before it.
    var partOffset: Value? {
        form.cutDimension == nil ? nil : partNumber * steps.indexArgument("part_stride")
    }

    /// The row-major number of a place over some dimensions.
    func number(of coordinates: [Value], dimensions: Range<Int>) -> Value {
        var number = steps.index(0)
        for (position, dimension) in dimensions.enumerated() {
            number = number * extent(dimension) + coordinates[position]
        }
        return number
    }

    /// The place of a row-major number over some dimensions.
    private func coordinates(of number: Value, dimensions: Range<Int>) -> [Value] {
        var coordinates: [Value] = []
        var rest = number
        for dimension in dimensions.dropFirst().reversed() {
            // An empty space has no place, but the division may stand before the loop that finds that out.
            let extent = extent(dimension).binary(.maximum, steps.index(1))
            let quotient = rest / extent
            coordinates.insert(rest - quotient * extent, at: 0)
            rest = quotient
        }
        return dimensions.isEmpty ? [] : [rest] + coordinates
    }

    // MARK: Rows

    /// Runs `body` with the outer coordinates of each row of this work-item, or of each vector of them.
    func forEachRow(_ body: @escaping ([Value], Int) -> Void) {
        switch (form.deviceClass, form.lanes) {
        case (.cpu, _): forEachRowInRuns(body)
        case (.gpu, .inner): body(coordinates(of: workgroup(0), dimensions: 0..<outerRank), 1)
        case (.gpu, .outer): forEachRowByWorkItem(body)
        }
    }

    private func workgroup(_ axis: Int) -> Value { k.workgroupID(axis).convert(to: steps.classes.indexScalar) }

    private func forEachRowInRuns(_ body: @escaping ([Value], Int) -> Void) {
        guard outerRank > 0 else { return body([], 1) }
        let start = workgroup(0) * steps.indexArgument("column_run")
        let end = (start + steps.indexArgument("column_run")).binary(.minimum, extent(outerRank - 1))
        let width = form.lanes == .outer ? form.width : 1
        forEachLine { line in
            self.forEachVector(from: start, to: end, width: width) { body(line + [$0], $1) }
        }
    }

    /// Vectors, then what is left over one by one.
    private func forEachVector(from start: Value, to end: Value, width: Int, _ body: (Value, Int) -> Void) {
        guard width > 1 else { return k.loop(from: start, to: end) { body($0, 1) } }
        let shift = width.trailingZeroBitCount
        let vectorEnd = start + (((end - start) >> shift) << shift)
        k.loop(from: start, to: vectorEnd, by: width) { body($0, width) }
        k.loop(from: vectorEnd, to: end) { body($0, 1) }
    }

    /// The outer coordinates but the last, of this work-item's run of lines. They are counted up, not divided for.
    private func forEachLine(_ body: @escaping ([Value]) -> Void) {
        guard outerRank > 1 else { return body([]) }
        let start = workgroup(1) * steps.indexArgument("line_run")
        let end = (start + steps.indexArgument("line_run")).binary(.minimum, steps.indexArgument("lines"))
        guard outerRank > 2 else { return k.loop(from: start, to: end) { body([$0]) } }
        let variables = coordinates(of: start, dimensions: 0..<outerRank - 1).map { k.variable($0) }
        k.loop(from: start, to: end) { _ in
            let coordinates = variables.map(\.value)
            body(coordinates)
            var carry = self.k.bool(true)
            for dimension in (0..<variables.count).reversed() {
                let one = self.k.select(carry, self.steps.index(1), self.steps.index(0))
                let next = coordinates[dimension] + one
                carry = next == self.extent(dimension)
                variables[dimension].value =
                    dimension == 0 ? next : self.k.select(carry, self.steps.index(0), next)
            }
        }
    }

    /// One row, or one vector, a work-item; all rows, where the workgroup makes totals too.
    private func forEachRowByWorkItem(_ body: @escaping ([Value], Int) -> Void) {
        let local = k.localID(0).convert(to: steps.classes.indexScalar)
        let unit = workgroup(0) * form.team + local
        let units = steps.indexArgument("units")
        if form.makesTotals {
            k.loop(from: local, to: units, by: form.team) { row in
                body(self.coordinates(of: row, dimensions: 0..<self.outerRank), 1)
            }
        } else if form.width == 1 {
            k.if(unit < units) { body(coordinates(of: unit, dimensions: 0..<outerRank), 1) }
        } else {
            k.if(unit < units) { vectorUnit(unit, body) }
        }
    }

    private func vectorUnit(_ unit: Value, _ body: @escaping ([Value], Int) -> Void) {
        let columns = extent(outerRank - 1)
        let perLine = steps.indexArgument("line_units")
        let line = outerRank == 1 ? steps.index(0) : unit / perLine
        let start = (unit - line * perLine) * form.width
        let coordinates = coordinates(of: line, dimensions: 0..<outerRank - 1)
        k.if(start + form.width <= columns) {
            body(coordinates + [start], form.width)
        } else: {
            k.loop(from: start, to: columns) { body(coordinates + [$0], 1) }
        }
    }

    // MARK: Elements of a row

    /// Runs `body` with the inner coordinates of this work-item's elements, the lanes, and the first's number in the row;
    /// `endBlock` after each block of them, where the form has blocks.
    func forEachInner(
        rowWidth: Int, endBlock: @escaping () -> Void, body: @escaping ([Value], Int, Value) -> Void
    ) {
        if form.deviceClass == .gpu && form.lanes == .inner { return forEachInnerOfTeam(endBlock, body) }
        nest([], rowWidth: rowWidth, endBlock, body)
    }

    private func nest(
        _ outer: [Value], rowWidth: Int, _ endBlock: @escaping () -> Void,
        _ body: @escaping ([Value], Int, Value) -> Void
    ) {
        let dimension = outerRank + outer.count
        guard dimension < rank else {
            return body(outer, rowWidth, number(of: outer, dimensions: outerRank..<rank))
        }
        var start = steps.index(0)
        var end = extent(dimension)
        if dimension == form.cutDimension {
            start = partNumber * steps.indexArgument("part_run")
            // The last parts may be empty.
            end = (start + steps.indexArgument("part_run")).binary(.minimum, end).binary(.maximum, start)
        }
        let isVector = form.lanes == .inner && dimension == rank - 1
        forEachBlock(from: start, to: end, isCut: dimension == form.blockDimension, endBlock) { start, end in
            self.forEachVector(from: start, to: end, width: isVector ? self.form.width : 1) { counter, width in
                let coordinates = outer + [counter]
                if isVector {
                    body(coordinates, width, self.number(of: coordinates, dimensions: self.outerRank..<self.rank))
                } else {
                    self.nest(coordinates, rowWidth: rowWidth, endBlock, body)
                }
            }
        }
    }

    /// The range in runs of `block_run`, or as one.
    private func forEachBlock(
        from start: Value, to end: Value, isCut: Bool, _ endBlock: () -> Void, _ body: (Value, Value) -> Void
    ) {
        guard isCut else { return body(start, end) }
        let run = steps.indexArgument("block_run")
        k.loop(from: 0, to: (end - start + (run - 1)) / run) { block in
            let first = start + block * run
            body(first, (first + run).binary(.minimum, end))
            endBlock()
        }
    }

    /// The row's elements, or a part's, one after the other for the work-items of the workgroup.
    private func forEachInnerOfTeam(
        _ endBlock: @escaping () -> Void, _ body: @escaping ([Value], Int, Value) -> Void
    ) {
        let local = k.localID(0).convert(to: steps.classes.indexScalar)
        var start = steps.index(0)
        var end = steps.indexArgument("inner_count")
        if form.cutDimension != nil {
            start = partNumber * steps.indexArgument("part_run")
            end = (start + steps.indexArgument("part_run")).binary(.minimum, end)
        }
        forEachBlock(from: start, to: end, isCut: form.blockDimension != nil, endBlock) { start, end in
            k.loop(from: start + local, to: end, by: form.team) { place in
                body(self.coordinates(of: place, dimensions: self.outerRank..<self.rank), 1, place)
            }
        }
    }
}
