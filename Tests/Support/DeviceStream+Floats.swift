import TensorRuntime

/// The contract's calls with Swift's arrays.
extension DeviceStream {
    package func launch(_ kernel: any DeviceKernel, _ bindings: [BufferBinding], _ scalars: [Double] = []) throws {
        try bindings.withUnsafeBufferPointer { bindings in
            try scalars.map(\.bitPattern).withUnsafeBufferPointer { scalars in
                try encode(kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    package func write(_ values: [Float], to buffer: any DeviceBuffer, at element: Int = 0) throws {
        try values.withUnsafeBytes { try copyIn($0, to: buffer, offset: 4 * element) }
    }

    package func read(_ buffer: any DeviceBuffer, count: Int, from element: Int = 0) throws -> [Float] {
        var values = [Float](repeating: -1, count: count)
        try values.withUnsafeMutableBytes { try copyOut(from: buffer, offset: 4 * element, to: $0) }
        return values
    }
}

/// The `TensorError` that `body` throws, where it throws one.
package func tensorError(_ body: () throws -> Void) -> TensorError? {
    do {
        try body()
        return nil
    } catch {
        return error as? TensorError
    }
}
