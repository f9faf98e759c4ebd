import TensorRuntime

extension ShaderLibrary {
    /// The names in the families' schedule tables, for the test that all of them run. A product's may be followed by the
    /// number of its slices; families without a table choose by the specification alone.
    package static var scheduleTables: [(family: KernelFamily, names: [String])] {
        [
            (.fused, FusedSchedule.table.map(\.name)), (.matmul, MatmulSchedule.table.map(\.name)),
            (.convolution, ConvolutionSchedule.table.map(\.name)),
        ]
    }
}
