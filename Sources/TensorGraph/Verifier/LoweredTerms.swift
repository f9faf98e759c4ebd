import TensorRuntime

/// The terms of what a plan's launches compute, from their kernels and operands alone: an element in memory has the term
/// that the last launch before it stored there.
final class LoweredTerms {
    private let launches: [PlanLaunch]
    private let memory: PlanMemory
    private let sampling: TermSampling
    /// By launch and step of its program.
    private var tables: [[TermTable?]]
    private var fibers: [FiberKey: Term] = [:]
    /// The first thing that is wrong.
    private(set) var violation: String?

    private struct FiberKey: Hashable {
        var launch: Int
        var operand: Int
        var byte: Int
    }

    init(_ launches: [PlanLaunch], memory: PlanMemory, sampling: TermSampling) {
        self.launches = launches
        self.memory = memory
        self.sampling = sampling
        tables = launches.map { Array(repeating: nil, count: $0.program?.program.steps.count ?? 0) }
    }

    private func fail(_ message: @autoclosure () -> String) -> Term {
        if violation == nil { violation = message() }
        return 1
    }

    // MARK: Memory

    /// The term of the element at `place` as launch `step` finds it.
    func term(at place: MemoryPlace, _ dtype: DType, before step: Int) -> Term {
        for write in memory.writes[place.space].reversed() where write.step < step {
            switch write.access.element(at: place.byte, width: dtype.byteCount) {
            case .outside: continue
            case .partial:
                return fail(
                    "\(reader(step)) reads \(dtype) at byte \(place.byte) of \(memory.name(place.space)), of which "
                        + "\(name(write.step)) wrote a part")
            case .element(let places):
                guard let output = write.output else {
                    return fail(
                        "\(reader(step)) reads byte \(place.byte) of \(memory.name(place.space)), where "
                            + "\(name(write.step)) had its workspace")
                }
                if write.access.dtype != dtype {
                    return fail("\(reader(step)) reads \(dtype) where \(name(write.step)) wrote \(write.access.dtype)")
                }
                return stored(write, output, places)
            }
        }
        if memory.isLeaf(place.space) { return TermBuilder.leaf(storage: place.space, byte: place.byte, dtype: dtype) }
        return fail("\(reader(step)) reads byte \(place.byte) of \(memory.name(place.space)), which nothing wrote")
    }

    private func name(_ step: Int) -> String { "launch \(step) (\(launches[step].label))" }
    private func reader(_ step: Int) -> String { step < launches.count ? name(step) : "the caller" }

    private func stored(_ write: PlanMemory.Write, _ output: Int, _ places: [Int]) -> Term {
        let launch = launches[write.step]
        if case .scatterAdd(let body)? = launch.source {
            return scatterAdd(body, write.step, write.access.coordinates(places, rank: body.sourceShape.rank))
        }
        if case .scan(let body)? = launch.source {
            return scan(body, write.step, output, write.access.coordinates(places, rank: body.shape.rank))
        }
        if case .sort(let body)? = launch.source {
            return sort(body, write.step, output, write.access.coordinates(places, rank: body.shape.rank))
        }
        let program = launch.program!.program
        let value = program.outputs[output].value
        let extents = launch.extents(of: program.steps[value].level)
        return self.value(value, of: write.step, at: write.access.coordinates(places, rank: extents.rank))
    }

    // MARK: Programs

    /// The term of a step of launch `launch`, whose level varies along the first of `coordinates`.
    private func value(_ index: Int, of number: Int, at coordinates: Shape) -> Term {
        let launch = launches[number]
        let step = launch.program!.program.steps[index]
        let extents = launch.extents(of: step.level)
        let place = Shape(coordinates.prefix(extents.rank))
        guard place.rank == extents.rank else {
            return fail("\(name(number)): step \(index) of level \(step.level) is read where it does not vary")
        }
        let linear = place.dot(extents.contiguousStrides)
        if tables[number][index] == nil {
            let count = extents.elementCount
            tables[number][index] = TermTable(count: count, isDense: sampling.isExact || count < 4096)
        }
        let known = tables[number][index]![linear]
        if known != 0 { return known }
        let term = compute(step, number, place)
        tables[number][index]![linear] = term
        return term
    }

    private func compute(_ step: FusedProgram.Step, _ number: Int, _ place: Shape) -> Term {
        let launch = launches[number]
        let kernel = launch.program!
        switch step.operation {
        case .load(let input):
            guard let binding = launch.binding(ofInput: input) else { return result(number, place) }
            guard let begin = self.place(input, of: number, at: place) else {
                return fail("\(name(number)): input \(input) has no buffer")
            }
            if launch.dtypes[binding] != kernel.program.inputs[input] {
                return fail("\(name(number)): input \(input) is bound to \(launch.dtypes[binding])")
            }
            return term(at: begin, kernel.program.inputs[input], before: number)
        case .index(let input):
            guard let binding = launch.binding(ofInput: input) else { return fail("\(name(number)): no index") }
            return TermBuilder.index(launch.offsets[binding] + offset(kernel.inputs[input].strides, place))
        case .gather(let input):
            let access = kernel.inputs[input]
            guard let begin = self.place(input, of: number, at: place) else {
                return fail("\(name(number)): the gathered input \(input) has no buffer")
            }
            let dtype = kernel.program.inputs[input]
            return TermBuilder.gather(
                step.dtype, count: access.gatherCount, index: operand(step, 0, number, place),
                data: fiber(
                    number, operand: 16 + input, begin, count: access.gatherCount, step: access.gatherStride, dtype))
        case .fill: return operand(step, 0, number, place)
        case .pointwise(let operation):
            let terms = step.operands.indices.map { operand(step, $0, number, place) }
            if operation == .identity { return terms[0] }
            if operation == .cast, kernel.program.operandType(of: step, at: 0) == step.dtype { return terms[0] }
            return TermBuilder.pointwise(operation, step.dtype, terms)
        case .reduce(let operation): return reduce(operation, step, number, place)
        }
    }

    private func offset(_ strides: Strides, _ place: Shape) -> Int {
        var result = 0
        for axis in 0..<place.rank { result += place[axis] * strides[axis] }
        return result
    }

    private func place(_ input: Int, of number: Int, at coordinates: Shape) -> MemoryPlace? {
        let launch = launches[number]
        guard let binding = launch.binding(ofInput: input), var begin = launch.begins[binding] else { return nil }
        begin.byte += offset(launch.program!.inputs[input].strides, coordinates) * launch.dtypes[binding].byteCount
        return begin
    }

    private func operand(_ step: FusedProgram.Step, _ position: Int, _ number: Int, _ place: Shape) -> Term {
        switch step.operands[position] {
        case .value(let index): return value(index, of: number, at: place)
        case .scalar(let slot):
            let scalar = launches[number].scalars[slot]
            let read = launches[number].program!.program.operandType(of: step, at: position)
            if read != scalar.dtype {
                return fail("\(name(number)): scalar \(slot) is bound as \(scalar.dtype) and read as \(read)")
            }
            return TermBuilder.scalar(scalar.source, scalar.dtype)
        }
    }

    private func reduce(
        _ operation: ReductionOperation, _ step: FusedProgram.Step, _ number: Int, _ place: Shape
    ) -> Term {
        let launch = launches[number]
        let program = launch.program!.program
        guard case .value(let index) = step.operands[0] else { return fail("\(name(number)): a scalar is reduced") }
        let source = program.steps[index]
        guard source.level.rawValue + 1 == step.level.rawValue else {
            return fail("\(name(number)): a \(step.level) is folded from a value of level \(source.level)")
        }
        let folded = Shape(launch.extents(of: source.level).dropFirst(place.rank))
        return sampling.reduction(operation, step.dtype, of: source.dtype, count: folded.elementCount) {
            value(index, of: number, at: Shape(Array(place) + Array(folded.coordinates(of: $0))))
        }
    }

    // MARK: Other families

    private func fiber(
        _ number: Int, operand: Int, _ begin: MemoryPlace, count: Int, step: Int, _ dtype: DType
    ) -> Term {
        let key = FiberKey(launch: number, operand: operand, byte: begin.byte)
        if let known = fibers[key] { return known }
        let term = sampling.fiber(count) {
            self.term(
                at: MemoryPlace(space: begin.space, byte: begin.byte + $0 * step * dtype.byteCount), dtype,
                before: number)
        }
        fibers[key] = term
        return term
    }

    /// The kernel's own result at a place of its epilogue's iteration space.
    private func result(_ number: Int, _ place: Shape) -> Term {
        let launch = launches[number]
        let extents = launch.program!.extents
        guard let source = launch.source, let first = launch.begins[0] else {
            return fail("\(name(number)) has no result to read")
        }
        let linear = place.dot(extents.contiguousStrides)
        switch source {
        case .matmul(let body):
            guard let second = launch.begins[1] else { return fail("\(name(number)): an operand has no buffer") }
            let rank = body.batch.rank
            if extents != Shape(body.batch + [body.m, body.n]) {
                return fail("\(name(number)): the epilogue's extents \(extents) are not the product's")
            }
            func begin(_ operand: MemoryPlace, _ strides: Strides, _ free: Int) -> MemoryPlace {
                var offset = free
                for axis in 0..<rank { offset += place[axis] * strides[axis] }
                return MemoryPlace(space: operand.space, byte: operand.byte + offset * body.dtype.byteCount)
            }
            return TermBuilder.matmul(
                body.dtype, k: body.k,
                row: fiber(
                    number, operand: 0, begin(first, body.aStrides, place[rank] * body.aStrides[rank]), count: body.k,
                    step: body.aStrides[rank + 1], body.dtype),
                column: fiber(
                    number, operand: 1, begin(second, body.bStrides, place[rank + 1] * body.bStrides[rank + 1]),
                    count: body.k, step: body.bStrides[rank], body.dtype))
        case .convolution(let body):
            guard let second = launch.begins[1] else { return fail("\(name(number)): an operand has no buffer") }
            if extents != body.resultShape {
                return fail("\(name(number)): the epilogue's extents \(extents) are not the result's")
            }
            let shapes = body.sourceShapes + [body.resultShape]
            return TermBuilder.convolution(
                body.kind, body.window, groups: body.groups, body.dtype, shapes: shapes, place: linear,
                operands: [first, second].enumerated().map { position, begin in
                    fiber(
                        number, operand: position, begin, count: shapes[position].elementCount, step: 1, body.dtype)
                })
        case .pooling(let body):
            let size = body.resultSize
            if extents != [body.planes, size[0], size[1]] {
                return fail("\(name(number)): the epilogue's extents \(extents) are not the result's")
            }
            let area = size[0] * size[1]
            return TermBuilder.pooling(
                body.kind, body.window, countsPadding: body.countsPadding, body.dtype,
                sizes: [body.inputSize, body.outputSize], place: linear % area,
                operands: body.sourceSizes.enumerated().map { position, size in
                    guard var begin = launch.begins[position] else {
                        return fail("\(name(number)): an operand has no buffer")
                    }
                    begin.byte += linear / area * size[0] * size[1] * body.dtype.byteCount
                    return fiber(number, operand: position, begin, count: size[0] * size[1], step: 1, body.dtype)
                })
        case .scatterAdd, .scan, .sort: return fail("\(name(number)): a \(launch.label) has no epilogue")
        }
    }

    private func scan(_ body: ScanKernel, _ number: Int, _ output: Int, _ coordinates: Shape) -> Term {
        guard let source = launches[number].begins[0] else { return fail("\(name(number)): an operand has no buffer") }
        var start = coordinates
        start[body.axis] = 0
        let begin = MemoryPlace(
            space: source.space, byte: source.byte + start.dot(body.strides) * body.dtype.byteCount)
        return TermBuilder.scan(
            body.operation, reverse: body.reverse, body.results[output], body.dtype, position: coordinates[body.axis],
            line: fiber(number, operand: 0, begin, count: body.length, step: body.strides[body.axis], body.dtype))
    }

    private func sort(_ body: SortKernel, _ number: Int, _ output: Int, _ coordinates: Shape) -> Term {
        guard let source = launches[number].begins[0] else { return fail("\(name(number)): an operand has no buffer") }
        let axis = body.shape.rank - 1
        var row = coordinates
        row[axis] = 0
        let begin = MemoryPlace(space: source.space, byte: source.byte + row.dot(body.strides) * body.dtype.byteCount)
        return TermBuilder.sort(
            body.results[output], descending: body.descending, body.dtype, position: coordinates[axis],
            source: fiber(number, operand: 0, begin, count: body.length, step: body.strides[axis], body.dtype))
    }

    private func scatterAdd(_ body: ScatterAddKernel, _ number: Int, _ coordinates: Shape) -> Term {
        guard let source = launches[number].begins[0], let index = launches[number].begins[1] else {
            return fail("\(name(number)): an operand has no buffer")
        }
        var besides = coordinates
        besides[body.axis] = 0
        func line(_ operand: Int, _ begin: MemoryPlace, _ strides: Strides, _ dtype: DType) -> Term {
            let byte = begin.byte + besides.dot(strides) * dtype.byteCount
            return fiber(
                number, operand: operand, MemoryPlace(space: begin.space, byte: byte),
                count: body.sourceShape[body.axis], step: strides[body.axis], dtype)
        }
        return TermBuilder.scatterAdd(
            body.dtype, position: coordinates[body.axis], count: body.count,
            source: line(0, source, body.sourceStrides, body.dtype), index: line(1, index, body.indexStrides, .int64))
    }
}
