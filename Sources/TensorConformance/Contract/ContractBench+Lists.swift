import TensorRuntime

extension ContractBench {
    private static func all(_ value: Float) -> [Float] { [Float](repeating: value, count: 64) }

    func checkLaunchLists() throws {
        let count = 64
        let kernel = try kernel(count)
        let values = (0..<2 * count).map(Float.init)
        let (x, y) = (try buffer(values), try buffer(Self.all(-1)))
        let sum = try buffer(Self.all(0))
        let list = LaunchList()
        try fill(list, kernel, x, y, sum)
        // What the launches do one by one.
        let (ownY, ownSum) = (try buffer(Self.all(-1)), try buffer(Self.all(0)))
        var expectedSum: Float = 0
        for turn in 1...12 {
            let (factor, start) = (Float(turn), turn % 5)
            list.set(list.launches[0].scalars.lowerBound, to: Double(factor).bitPattern)
            list.set(list.launches[2].scalars.lowerBound + 1, to: Double(turn).bitPattern)
            list.bind(list.launches[0].bindings.lowerBound, to: BufferBinding(buffer: x.buffer, offset: start))
            try stream.encode(list)
            // Memory that is not the list's is another's.
            let middle = try buffer(Self.all(-2))
            try launch(kernel, BufferBinding(buffer: x.buffer, offset: start), middle, factor: factor, summand: 1)
            try launch(kernel, middle, ownY, factor: 3, summand: 2)
            try launch(kernel, ownSum, ownSum, factor: 2, summand: factor)
            expectedSum = 2 * expectedSum + factor
            if turn % 3 == 0 { try stream.submit() }
            if turn % 4 != 0 { continue }
            let expected = values[start..<start + count].map { ($0 * factor + 1) * 3 + 2 }
            try Self.expect(read(ownY, count: count), expected, "launches one by one, turn \(turn)")
            try Self.expect(read(y, count: count), expected, "a list of launches, turn \(turn)")
        }
        try Self.expect(read(ownSum, count: count), Self.all(expectedSum), "12 times a launch")
        try Self.expect(read(sum, count: count), Self.all(expectedSum), "12 times a list of launches")
        try checkListsOfTwoStreams(kernel, list, y, sum, expectedSum)
        try checkReleasedList(kernel)
    }

    /// `middle = x * 1 + 1`, `y = middle * 3 + 2` and `sum = sum * 2 + 1`, the middle in memory that nobody else holds.
    private func fill(
        _ list: LaunchList, _ kernel: any DeviceKernel, _ x: BufferBinding, _ y: BufferBinding, _ sum: BufferBinding
    ) throws {
        let middle = try buffer(Self.all(-1))
        for (from, to, factor, summand) in [(x, middle, 1.0, 1.0), (middle, y, 3, 2), (sum, sum, 2, 1)] {
            var bindings = [from, to]
            if kernel.workspaceByteCount > 0 {
                bindings.append(BufferBinding(buffer: try device.allocate(byteCount: kernel.workspaceByteCount)))
            }
            list.append(kernel, bindings: bindings, scalars: [factor.bitPattern, summand.bitPattern])
        }
    }

    /// A list that one stream had is given to another, and back.
    private func checkListsOfTwoStreams(
        _ kernel: any DeviceKernel, _ list: LaunchList, _ y: BufferBinding, _ sum: BufferBinding, _ before: Float
    ) throws {
        var streams = (try device.makeStream(), stream)
        var expected = before
        for _ in 0..<4 {
            try streams.0.wait(for: streams.1.record())
            for _ in 0..<3 {
                try streams.0.encode(list)
                expected = 2 * expected + 12
            }
            streams = (streams.1, streams.0)
        }
        try streams.0.wait(for: streams.1.record())
        try Self.expect(
            read(sum, count: 64, on: streams.0), Self.all(expected), "a list that two streams were given in turn")
    }

    /// A list, and all that it alone holds, is released while its work is on its way.
    private func checkReleasedList(_ kernel: any DeviceKernel) throws {
        let x = try buffer((0..<64).map(Float.init))
        let (y, sum) = (try buffer(Self.all(-1)), try buffer(Self.all(0)))
        _ = try chain()
        for _ in 0..<4 {
            let list = LaunchList()
            try fill(list, kernel, x, y, sum)
            for _ in 0..<3 { try stream.encode(list) }
        }
        // Memory that is asked for now may be what the lists had.
        for _ in 0..<8 { _ = try buffer(Self.all(-5)) }
        try Self.expect(read(sum, count: 64), Self.all(4095), "12 times a list that was released")
        try Self.expect(
            read(y, count: 64), (0..<64).map { (Float($0) + 1) * 3 + 2 }, "what a list made that was released")
    }
}
