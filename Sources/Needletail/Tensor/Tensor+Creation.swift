import TensorGraph
import TensorRuntime

// New tensors are made on `device`, or on the current one (`withDevice`, else `DeviceSelection`).

// MARK: - Of one value

extension Tensor {
    /// All zeros.
    public static func zeros(
        _ shape: Shape, dtype: DType = .float32, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        made(.fill, shape, dtype, .int(0), device, for: "zeros", at: CallSite(file, line))
    }

    /// All ones.
    public static func ones(
        _ shape: Shape, dtype: DType = .float32, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        made(.fill, shape, dtype, .int(1), device, for: "ones", at: CallSite(file, line))
    }

    /// All of one value; float32 for a floating-point value and int64 for an integer, unless given.
    ///
    /// A floating-point value becomes an element of an integer dtype as a cast makes it one: fractions are cut off, what is
    /// beyond the dtype's ends is the end, and NaN is 0. An integer beyond them is an error.
    public static func full(
        _ shape: Shape, _ value: some ScalarOperand, dtype: DType? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? value.scalar.defaultDType
        return full(shape, value.scalar, type, device, for: "full", at: CallSite(file, line))
    }

    /// ``full(_:_:dtype:device:file:line:)`` under the name that the user called.
    private static func full(
        _ shape: Shape, _ scalar: Scalar, _ type: DType, _ device: DeviceID?, for name: String, at site: CallSite
    ) -> Tensor {
        guard scalar.fits(type) else {
            return invalidCreation(
                name, "\(scalar.text) does not fit \(type)", remedy: "use a wider dtype",
                shape: shape.isValid ? shape : [], dtype: type, device: device, at: site)
        }
        return made(.fill, shape, type, scalar.cast(to: type), device, for: name, at: site)
    }

    /// Zeros of the other's shape, on its device, of its dtype where none is named.
    public static func zerosLike(_ other: Tensor, dtype: DType? = nil) -> Tensor {
        other.filled(other.shape, .int(0), dtype: dtype ?? other.dtype)
    }

    /// Ones of the other's shape, on its device, of its dtype where none is named.
    public static func onesLike(_ other: Tensor, dtype: DType? = nil) -> Tensor {
        other.filled(other.shape, .int(1), dtype: dtype ?? other.dtype)
    }

    /// One number everywhere, of the other's shape, on its device. A number that does not fit the dtype is a wrong
    /// call.
    public static func fullLike(
        _ other: Tensor, _ value: some ScalarOperand, dtype: DType? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? other.dtype
        guard value.scalar.fits(type) else {
            return other.invalid(
                "fullLike", "\(value.scalar.text) does not fit \(type)", remedy: "use a wider dtype", [other], file,
                line)
        }
        return other.filled(other.shape, value.scalar.cast(to: type), dtype: type)
    }

    /// A node without tensor operands, checked, under the name that the user called.
    static func made(
        _ operation: NodeOperation, _ shape: Shape, _ dtype: DType, _ scalar: Scalar, _ device: DeviceID?,
        for name: String, at site: CallSite
    ) -> Tensor {
        guard shape.isValid else {
            return invalidCreation(
                name, "shape \(shape)", remedy: shapeRemedy, shape: [], dtype: dtype, device: device, at: site)
        }
        let context = creationContext(device, at: site)
        var known: KnownIntegers?
        if dtype.kind == .integer, shape.elementCount > 0 {
            switch (operation, scalar) {
            case (.index, _): known = KnownIntegers(all: 0...Int64(shape.elementCount - 1))
            case (_, .int(let value)): known = KnownIntegers(all: value...value)
            case (_, .float): break
            }
        }
        return Tensor(context.trace(operation, shape: shape, dtype: dtype, scalar0: scalar, tag: known))
    }

    static let mixedRemedy =
        "cast one to the dtype of the other, as to(.float32) does; a model is cast by to(dtype:)"
    static let shapeRemedy =
        "use \(Shape.maximumRank) extents at most, none below 0, whose product fits in memory"
}

// MARK: - Sequences

extension Tensor {
    /// `start`, `start + step`, ... before `end`. int64 of integers, float32 else, unless given.
    /// Source: [torch.arange](https://pytorch.org/docs/stable/generated/torch.arange.html).
    public static func arange<S: ScalarOperand>(
        _ start: S, _ end: S, step: S? = nil, dtype: DType? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let first = start.scalar
        let last = end.scalar
        let by = step?.scalar ?? .int(1)
        let span = last.doubleValue - first.doubleValue
        guard !by.isZero, span == 0 || (span > 0) == (by.doubleValue > 0), isCount(span / by.doubleValue) else {
            return invalidCreation(
                "arange", "from \(first.text) to \(last.text) by \(by.text)", remedy: "step towards the end",
                shape: [0], dtype: dtype ?? first.defaultDType, device: device, at: CallSite(file, line))
        }
        let count = Int((span / by.doubleValue).rounded(.up))
        let type = dtype ?? first.defaultDType
        let numbers = made(.index, [count], .int64, .int(0), device, for: "arange", at: CallSite(file, line))
        // Fractions want float steps, whatever the result's type.
        var result = first.kind == .float && !type.isFloat ? numbers.cast(to: .float32) : numbers.cast(to: type)
        if by != .int(1) && by != .float(1) { result = result * by }
        if !first.isZero { result = result + first }
        return result.cast(to: type)
    }

    /// 0, 1, ... before `end`.
    public static func arange<S: ScalarOperand>(
        _ end: S, dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let type = dtype ?? end.scalar.defaultDType
        guard isCount(end.scalar.doubleValue) else {
            return invalidCreation(
                "arange", "to \(end.scalar.text)", remedy: "use an end of at least 0", shape: [0], dtype: type,
                device: device, at: CallSite(file, line))
        }
        let count = Int(end.scalar.doubleValue.rounded(.up))
        return made(.index, [count], .int64, .int(0), device, for: "arange", at: CallSite(file, line)).cast(to: type)
    }

    /// Whether a number, rounded up, is one of elements.
    private static func isCount(_ value: Double) -> Bool { value > -1 && value < 0x1p53 }

    /// `count` numbers from `start` to `end`, both included, evenly apart: the first half counts from the start, the second
    /// from the end. For an integer dtype fractions are cut off.
    /// Source: [torch.linspace](https://pytorch.org/docs/stable/generated/torch.linspace.html).
    public static func linspace(
        _ start: Double, _ end: Double, count: Int, dtype: DType = .float32, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard start.isFinite, end.isFinite else {
            return invalidCreation(
                "linspace", "from \(start) to \(end)", remedy: "use finite ends", shape: [0], dtype: dtype,
                device: device, at: site)
        }
        let step = count > 1 ? (end - start) / Double(count - 1) : 0
        guard dtype.isFloat else {
            guard ([count] as Shape).isValid else {
                return made(.index, [count], dtype, .int(0), device, for: "linspace", at: site)
            }
            // In Double, which not every device has.
            let context = creationContext(device, at: site)
            do throws(TensorError) {
                let numbers = try withHostMemory(count, of: Int64.self, for: "linspace") { numbers in
                    for place in 0..<count {
                        let rest = count - 1 - place
                        let number = place < count / 2 ? start + step * Double(place) : end - step * Double(rest)
                        let value = count == 1 ? start : number
                        numbers.initializeElement(at: place, to: Scalar.float(value).integer(of: dtype))
                    }
                }
                return host(numbers, shape: [count], in: context).cast(to: dtype)
            } catch {
                return Tensor(context.failed(error, shape: [count], dtype: dtype))
            }
        }
        let type: DType = dtype == .float64 ? .float64 : .float32
        let places = made(.index, [count], .int64, .int(0), device, for: "linspace", at: site)
        let fromStart = places.cast(to: type) * step + start
        if count <= 1 { return fromStart.cast(to: dtype) }
        let fromEnd = (places - (count - 1)).cast(to: type) * step + end
        return select(places .< count / 2, .tensor(fromStart), .tensor(fromEnd)).cast(to: dtype)
    }

    /// Ones on the diagonal of an `n` by `m` matrix, `n` by `n` unless given.
    public static func eye(
        _ n: Int, _ m: Int? = nil, dtype: DType = .float32, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard ([n, m ?? n] as Shape).isValid else {
            return made(.fill, [n, m ?? n], dtype, .int(0), device, for: "eye", at: site)
        }
        let rows = made(.index, [n, 1], .int64, .int(0), device, for: "eye", at: site)
        let columns = made(.index, [1, m ?? n], .int64, .int(0), device, for: "eye", at: site)
        return (rows .== columns).cast(to: dtype)
    }
}

// MARK: - From the host

extension Tensor {
    /// The scalars, row-major, in a shape with as many elements.
    ///
    /// - Parameter dtype: what they are converted to; nil is the scalars' own.
    public init<T: TensorScalar>(
        _ scalars: [T], shape: Shape, dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        guard shape.isValid, shape.elementCount == scalars.count else {
            self = Tensor.invalidCreation(
                "Tensor", "\(scalars.count) scalars for shape \(shape)",
                remedy: "pass as many scalars as the shape has elements", shape: [], dtype: T.dtype, device: device,
                at: CallSite(file, line))
            return
        }
        let context = Tensor.creationContext(device, at: CallSite(file, line))
        if let dtype, dtype.isFloat, let numbers = scalars as? [Double] {
            // Not by way of float64, which the device may lack.
            self = Tensor.table(numbers, shape: shape, dtype: dtype, in: context)
            return
        }
        let made = Tensor.host(scalars, shape: shape, in: context)
        self = dtype.map { made.cast(to: $0) } ?? made
    }

    /// A vector.
    public init<T: TensorScalar>(
        _ scalars: [T], dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(scalars, shape: [scalars.count], dtype: dtype, device: device, file: file, line: line)
    }

    /// A matrix from rows of one length.
    public init<T: TensorScalar>(
        _ rows: [[T]], dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0], dtype: dtype, device: device, file: file,
            line: line)
        Tensor.checkRows(rows.map(\.count), CallSite(file, line))
    }

    /// A tensor of rank 3 from matrices of one shape.
    public init<T: TensorScalar>(
        _ planes: [[[T]]], dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let rows = planes.flatMap { $0 }
        self.init(
            rows.flatMap { $0 }, shape: [planes.count, planes.first?.count ?? 0, rows.first?.count ?? 0],
            dtype: dtype, device: device, file: file, line: line)
        Tensor.checkRows(planes.map(\.count), CallSite(file, line))
        Tensor.checkRows(rows.map(\.count), CallSite(file, line))
    }

    /// A tensor of rank 4.
    public init<T: TensorScalar>(
        _ blocks: [[[[T]]]], dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let planes = blocks.flatMap { $0 }
        let rows = planes.flatMap { $0 }
        self.init(
            rows.flatMap { $0 },
            shape: [blocks.count, blocks.first?.count ?? 0, planes.first?.count ?? 0, rows.first?.count ?? 0],
            dtype: dtype, device: device, file: file, line: line)
        Tensor.checkRows(blocks.map(\.count), CallSite(file, line))
        Tensor.checkRows(planes.map(\.count), CallSite(file, line))
        Tensor.checkRows(rows.map(\.count), CallSite(file, line))
    }

    /// A tensor of rank 0, of the scalar's own dtype unless given.
    public init<T: TensorScalar & ScalarOperand>(
        _ scalar: T, dtype: DType? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        self = Tensor.full(
            [], scalar.scalar, dtype ?? T.dtype, device, for: "Tensor", at: CallSite(file, line))
    }

    /// Elements of `dtype` as raw bytes, row-major, in the machine's byte order.
    public init(
        bytes: UnsafeRawBufferPointer, shape: Shape, dtype: DType, device: DeviceID? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        guard shape.isValid, bytes.count == shape.elementCount * dtype.byteCount else {
            self = Tensor.invalidCreation(
                "Tensor", "\(bytes.count) bytes for \(dtype)\(shape)",
                remedy: "pass \(dtype.byteCount) bytes for each element", shape: [], dtype: dtype, device: device,
                at: CallSite(file, line))
            return
        }
        self = Tensor.host(
            bytes, shape: shape, dtype: dtype, in: Tensor.creationContext(device, at: CallSite(file, line)))
    }

    /// As above, of bytes in an array.
    public init(
        bytes: [UInt8], shape: Shape, dtype: DType, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self = bytes.withUnsafeBytes {
            Tensor(bytes: $0, shape: shape, dtype: dtype, device: device, file: file, line: line)
        }
    }

    private static func checkRows(_ counts: [Int], _ site: CallSite) {
        guard let odd = counts.first(where: { $0 != counts[0] }) else { return }
        let message = "Tensor: rows of \(counts[0]) and \(odd) elements; use rows of one length"
        WrongCall.report(TensorError(.invalidArgument, message), at: site)
    }

    /// Scalars as a tensor; as many as the shape has elements.
    package static func host<T: TensorScalar>(_ scalars: [T], shape: Shape, in context: DeviceContext) -> Tensor {
        scalars.withUnsafeBytes { host($0, shape: shape, dtype: T.dtype, in: context) }
    }

    /// Numbers computed on the host as a tensor of floats, with all digits that the dtype has.
    static func table(_ numbers: [Double], shape: Shape, dtype: DType, in context: DeviceContext) -> Tensor {
        if dtype == .float64 { return host(numbers, shape: shape, in: context) }
        return host(numbers.map(Float.init), shape: shape, in: context).cast(to: dtype)
    }

    /// Bytes as a tensor. Where there is no memory for it, the tensor is poisoned with that error.
    ///
    /// - Parameter mayIndex: whether integers may be classes or indices, and are looked through for their extremes.
    package static func host(
        _ bytes: UnsafeRawBufferPointer, shape: Shape, dtype: DType, in context: DeviceContext, mayIndex: Bool = true
    ) -> Tensor {
        do throws(TensorError) {
            let known = mayIndex ? KnownIntegers.of(bytes, dtype) : nil
            return Tensor(try context.makeValue(shape: shape, dtype: dtype, bytes: bytes, tag: known))
        } catch {
            return Tensor(context.failed(error, shape: shape, dtype: dtype))
        }
    }
}
