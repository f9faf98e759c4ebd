import TensorRuntime

extension NumPyArray {
    /// Reads the bytes of a `.npy` file.
    ///
    /// - Parameter path: for errors.
    init(npy bytes: [UInt8], path: String) throws(TensorError) {
        let header = try NumPyHeader(bytes, path: path)
        let type = header.type
        let dtype = type.dtype
        // In the file's own width first, so that nothing is allocated for elements that are not there.
        guard let (count, length) = NumPyArray.extent(of: header.shape, width: type.width) else {
            throw header.wrong("has shape \(header.shape), which no memory holds")
        }
        let found = bytes.count - header.dataStart
        guard found == length else {
            throw header.wrong("has \(found) bytes of elements, not the \(length) of shape \(header.shape)")
        }
        var elements = Array(bytes[header.dataStart...])
        if type.isBigEndian, type.width > 1 { NumPyArray.swapBytes(&elements, width: type.width) }
        if dtype.byteCount != type.width || (type.kind == "u" && type.width == 8) {
            elements = try NumPyArray.widened(elements, type, count: count, path: path)
        }
        if dtype == .bool, let wrong = elements.first(where: { $0 > 1 }) {
            throw header.wrong("has a bool of \(wrong)")
        }
        if header.isFortran, header.shape.count > 1, count > 0 {
            elements = NumPyArray.inRowMajorOrder(elements, shape: header.shape, width: dtype.byteCount)
        }
        self.init(dtype: dtype, shape: header.shape, bytes: elements)
    }

    /// Elements and bytes of a shape; nil where they do not fit an `Int`, even widened.
    private static func extent(of shape: [Int], width: Int) -> (count: Int, length: Int)? {
        if shape.contains(0) { return (0, 0) }
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            count = product
        }
        return count > Int.max / 8 ? nil : (count, count * width)
    }

    private static func swapBytes(_ bytes: inout [UInt8], width: Int) {
        bytes.withUnsafeMutableBufferPointer { buffer in
            for start in stride(from: 0, to: buffer.count, by: width) {
                for place in 0..<width / 2 { buffer.swapAt(start + place, start + width - 1 - place) }
            }
        }
    }

    private static func widened(
        _ bytes: [UInt8], _ type: NumPyType, count: Int, path: String
    ) throws(TensorError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count * type.dtype.byteCount)
        for index in 0..<count {
            let element = Array(bytes[index * type.width..<(index + 1) * type.width])
            guard let wide = type.widened(element) else {
                throw TensorError(
                    .data,
                    "\(path): element \(index) is a uint64 above 2^63 - 1; convert it with astype, as to '<f8'")
            }
            result += wide
        }
        return result
    }

    /// The elements of Fortran's order, first axis fastest, in C's, last axis fastest.
    private static func inRowMajorOrder(_ bytes: [UInt8], shape: [Int], width: Int) -> [UInt8] {
        var strides = Array(repeating: width, count: shape.count)
        for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
        return gathered(bytes, shape: shape, byteStrides: strides, start: 0, width: width)
    }

    /// The elements at strides, in row-major order. All of them lie in `bytes`.
    static func gathered(
        _ bytes: [UInt8], shape: [Int], byteStrides: [Int], start: Int, width: Int
    ) -> [UInt8] {
        let count = shape.reduce(1, *)
        var index = Array(repeating: 0, count: shape.count)
        var source = start
        return [UInt8](unsafeUninitializedCapacity: count * width) { buffer, made in
            bytes.withUnsafeBufferPointer { input in
                while made < count * width {
                    for byte in 0..<width { buffer.initializeElement(at: made + byte, to: input[source + byte]) }
                    made += width
                    var axis = shape.count - 1
                    while axis >= 0 {
                        index[axis] += 1
                        source += byteStrides[axis]
                        if index[axis] < shape[axis] { break }
                        source -= byteStrides[axis] * shape[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
    }
}
