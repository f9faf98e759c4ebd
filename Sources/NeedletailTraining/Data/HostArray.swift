import Needletail
import TensorRuntime

/// An array in the host's memory: what a dataset gives before a batch is copied to a device.
public struct HostArray: Hashable, Sendable {
    /// The elements, row-major, as they lie in memory.
    public let bytes: [UInt8]
    /// The extents, outermost first.
    public let shape: Shape
    /// The type of an element.
    public let dtype: DType

    /// Elements of a shape, by default one axis.
    public init<T: TensorScalar>(
        _ elements: [T], shape: Shape? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            bytes: elements.withUnsafeBytes { Array($0) }, shape: shape ?? [elements.count], dtype: T.dtype,
            file: file, line: line)
    }

    /// One number, of rank 0.
    public init<T: TensorScalar>(_ element: T) {
        self.init(unchecked: withUnsafeBytes(of: element) { Array($0) }, shape: [], dtype: T.dtype)
    }

    /// Elements as they lie in memory, row-major: as many bytes as the shape and the dtype need.
    public init(
        bytes: [UInt8], shape: Shape, dtype: DType, file: StaticString = #fileID, line: UInt = #line
    ) {
        guard shape.isValid, bytes.count == shape.elementCount * dtype.byteCount else {
            WrongCall.report(
                "HostArray", "\(bytes.count) bytes are no \(dtype)\(shape)",
                remedy: "give a shape of as many elements", at: CallSite(file, line))
            self.init(unchecked: [], shape: [0], dtype: dtype)
            return
        }
        self.init(unchecked: bytes, shape: shape, dtype: dtype)
    }

    /// The elements of a tensor. Evaluates it.
    ///
    /// - Throws: as `Tensor.bytes()`.
    public init(_ tensor: Tensor) throws(TensorError) {
        self.init(unchecked: try tensor.bytes(), shape: tensor.shape, dtype: tensor.dtype)
    }

    /// Bytes that are as many as shape and dtype need.
    init(unchecked bytes: [UInt8], shape: Shape, dtype: DType) {
        self.bytes = bytes
        self.shape = shape
        self.dtype = dtype
    }

    /// The number of elements.
    public var elementCount: Int { shape.elementCount }

    /// The elements, row-major, cast to `T` as `Tensor.to(_:)` casts.
    public func scalars<T: TensorScalar>(as type: T.Type = T.self) -> [T] {
        let cast = to(T.dtype)
        return [T](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: cast.bytes)
            initialized = elementCount
        }
    }

    /// The array in another dtype; itself where that is its own.
    public func to(_ other: DType) -> HostArray {
        if other == dtype { return self }
        let cast = [UInt8](unsafeUninitializedCapacity: elementCount * other.byteCount) { buffer, initialized in
            bytes.withUnsafeBytes { source in
                for index in 0..<elementCount {
                    var element = dtype.load(from: source.baseAddress! + index * dtype.byteCount)
                    if case .float(let value) = element { element = HostArray.saturated(value, other) }
                    other.store(element, to: UnsafeMutableRawPointer(buffer.baseAddress! + index * other.byteCount))
                }
            }
            initialized = elementCount * other.byteCount
        }
        return HostArray(unchecked: cast, shape: shape, dtype: other)
    }

    /// A float as a cast of tensors takes it: what is beyond an integer dtype's ends is the end.
    private static func saturated(_ value: Double, _ dtype: DType) -> Scalar {
        switch dtype {
        case .uint8 where !value.isNaN: .float(Swift.max(0, Swift.min(255, value)))
        case .int32 where !value.isNaN: .float(Swift.max(Double(Int32.min), Swift.min(Double(Int32.max), value)))
        case .bool, .uint8, .int32, .int64, .float16, .bfloat16, .float32, .float64: .float(value)
        }
    }

    /// The same elements in another shape.
    public func reshaped(_ shape: Shape, file: StaticString = #fileID, line: UInt = #line) -> HostArray {
        HostArray(bytes: bytes, shape: shape, dtype: dtype, file: file, line: line)
    }
}

extension Tensor {
    /// An array of the host, copied to a device.
    public init(
        _ array: HostArray, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let context = Tensor.creationContext(device, at: CallSite(file, line))
        self = array.bytes.withUnsafeBytes {
            Tensor.host($0, shape: array.shape, dtype: array.dtype, in: context)
        }
    }
}
