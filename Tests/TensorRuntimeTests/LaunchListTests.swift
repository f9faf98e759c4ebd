import TensorRuntime
import Testing

@Suite struct LaunchListTests {
    private static func kernel() throws -> any DeviceKernel {
        let access = FusedKernel.Access(strides: Shape([4]).contiguousStrides)
        return try FakeKernel(
            spec: KernelSpec(
                FusedKernel(
                    program: .copy(from: .float32, to: .float32), extents: [4], outerRank: 1, inputs: [access],
                    outputs: [access])))
    }

    private final class FakeKernel: DeviceKernel {
        let spec: KernelSpec
        init(spec: KernelSpec) throws { self.spec = spec }
    }

    private final class FakeBuffer: DeviceBuffer {
        let byteCount = 16
    }

    private static func list(_ buffers: [any DeviceBuffer]) throws -> LaunchList {
        let list = LaunchList()
        let bindings = buffers.map { BufferBinding(buffer: $0) }
        list.append(try kernel(), bindings: bindings, scalars: [1, 2])
        list.append(try kernel(), bindings: bindings.reversed(), scalars: [])
        list.append(try kernel(), bindings: bindings, scalars: [3])
        return list
    }

    @Test func eachLaunchHasItsOperands() throws {
        let buffers = (0..<2).map { _ in FakeBuffer() }
        let list = try Self.list(buffers)
        list.bind(3, to: BufferBinding(buffer: buffers[0], offset: 7))
        var found: [(buffers: [Int], offsets: [Int], scalars: [UInt64])] = []
        for launch in list.launches {
            list.withOperands(of: launch) { bindings, scalars in
                found.append(
                    (
                        bindings.map { binding in buffers.firstIndex { $0 === binding.buffer }! },
                        bindings.map(\.offset), Array(scalars)
                    ))
            }
        }
        #expect(found.map(\.buffers) == [[0, 1], [1, 0], [0, 1]])
        #expect(found.map(\.offsets) == [[0, 0], [0, 7], [0, 0]])
        #expect(found.map(\.scalars) == [[1, 2], [], [3]])
    }

    /// A stream that keeps a state knows from it alone that nothing changed.
    @Test func aLaunchHasAnotherStateOnceItsOperandsAreOthers() throws {
        let buffers = (0..<3).map { _ in FakeBuffer() }
        let list = try Self.list(Array(buffers.prefix(2)))
        let other = try Self.list(Array(buffers.prefix(2)))
        var states = list.launches.map(\.state)
        #expect(Set(states + other.launches.map(\.state)).count == 6)
        #expect(!states.contains(0))
        func changed(_ change: () -> Void) -> [Int] {
            change()
            let now = list.launches.map(\.state)
            defer { states = now }
            return now.indices.filter { now[$0] != states[$0] }
        }
        #expect(changed { list.bind(2, to: BufferBinding(buffer: buffers[2])) } == [1])
        #expect(changed { list.bind(2, to: BufferBinding(buffer: buffers[2])) } == [])
        #expect(changed { list.bind(2, to: BufferBinding(buffer: buffers[2], offset: 1)) } == [1])
        #expect(changed { list.set(2, to: 4) } == [2])
        #expect(changed { list.set(2, to: 4) } == [])
        #expect(changed { list.set(0, to: 4) } == [0])
    }
}
