import OpenCLBackend
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// The core's counters against the calls that reach the loader.
@Suite(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set")) struct CounterTests {
    private static let shape: Shape = [6, 5]

    private func leaf(_ context: DeviceContext) throws -> Handle {
        let values = (0..<Self.shape.elementCount).map(Float.init)
        return try values.withUnsafeBytes { try context.makeValue(shape: Self.shape, dtype: .float32, bytes: $0) }
    }

    /// `x * x`: one launch.
    private func evaluate(_ x: Handle, _ context: DeviceContext) throws -> [Float] {
        let square = context.trace(.pointwise(.multiply), shape: Self.shape, dtype: .float32, x, x)
        var result = [Float](repeating: 0, count: Self.shape.elementCount)
        try result.withUnsafeMutableBytes { try context.read(square, into: $0) }
        return result
    }

    @Test func launchesBuffersAndProgramsAreCountedAsTheLoaderSeesThem() throws {
        let (device, calls) = try OpenCLTesting.open()
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try leaf(context)
        for turn in 1...5 {
            #expect(try evaluate(x, context) == (0..<30).map { Float($0 * $0) })
            #expect(context.statistics.launches == calls[.launch])
            // One for the copy from the host, and one for each submission.
            #expect(calls[.flush] == 1 + turn)
        }
        let statistics = context.statistics
        #expect(statistics.launches == 5)
        #expect(statistics.driverAllocations == calls[.createBuffer])
        #expect(statistics.programsMade == calls[.createProgramWithSource])
        #expect(statistics.kernelsMade == calls[.createKernel])
        #expect(calls[.createContext] == 1 && calls[.createQueue] == 2)
    }
}
