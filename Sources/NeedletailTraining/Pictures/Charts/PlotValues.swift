import Needletail
import TensorRuntime

/// Numbers to draw, row-major, and their shape.
public struct PlotArray: Sendable {
    /// Row-major. What is not finite is left out of a picture.
    public var values: [Double]
    /// The extents; empty of one number.
    public var shape: [Int]
    /// Whether rows of different lengths were joined; then `shape` says nothing.
    var isRagged = false

    /// - Parameters:
    ///   - values: as many as the extents' product.
    ///   - shape: the extents, slowest first.
    public init(values: [Double], shape: [Int]) {
        self.values = values
        self.shape = shape
    }
}

/// What can be drawn: numbers, arrays of them, arrays of arrays, ranges of integers, and tensors, which are read once.
///
/// A function that takes these throws what reading them throws: nothing for arrays, which need no `try`, and a
/// `TensorError` for tensors.
public protocol PlotValues {
    /// What reading the numbers throws: `Never`, or `TensorError`.
    associatedtype Failure: Error
    /// The numbers and their shape, on the host; of a tensor, it is read.
    func plotted() throws(Failure) -> PlotArray
}

extension Tensor: PlotValues {
    /// - Throws: `deviceFailure`, `outOfMemory`, or the error that poisoned the tensor.
    public func plotted() throws(TensorError) -> PlotArray {
        let values: [Double] =
            switch dtype {
            case .float64: try scalars(as: Double.self)
            // A device need not have float64.
            case .float32, .float16, .bfloat16: try scalars(as: Float.self).map(Double.init)
            case .int64, .int32, .uint8, .bool: try scalars(as: Int64.self).map(Double.init)
            }
        return PlotArray(values: values, shape: Array(shape))
    }
}

extension Double: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [self], shape: []) }
}
extension Float: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [Double(self)], shape: []) }
}
extension Int: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [Double(self)], shape: []) }
}
extension Int32: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [Double(self)], shape: []) }
}
extension Int64: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [Double(self)], shape: []) }
}
extension UInt8: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [Double(self)], shape: []) }
}
extension Bool: PlotValues {
    public func plotted() -> PlotArray { PlotArray(values: [self ? 1 : 0], shape: []) }
}
extension Range: PlotValues where Bound == Int {
    public func plotted() -> PlotArray { PlotArray(values: map(Double.init), shape: [count]) }
}
extension ClosedRange: PlotValues where Bound == Int {
    public func plotted() -> PlotArray { PlotArray(values: map(Double.init), shape: [count]) }
}
extension Array: PlotValues where Element: PlotValues {
    /// What reading an element throws.
    public typealias Failure = Element.Failure

    public func plotted() throws(Element.Failure) -> PlotArray {
        if let numbers = self as? [Double] { return PlotArray(values: numbers, shape: [count]) }
        var result = PlotArray(values: [], shape: [count])
        for (index, element) in enumerated() {
            let part = try element.plotted()
            if index == 0 { result.shape += part.shape }
            if part.isRagged || [Int](result.shape.dropFirst()) != part.shape { result.isRagged = true }
            result.values += part.values
        }
        return result
    }
}

extension PlotArray {
    /// The numbers as rows of a matrix; an empty array is a matrix without rows.
    var matrix: Matrix? {
        if shape == [0], !isRagged { return Matrix(values: [], rows: 0, columns: 0) }
        guard !isRagged, shape.count == 2 else { return nil }
        return Matrix(values: values, rows: shape[0], columns: shape[1])
    }

    var shapeText: String { isRagged ? "rows of different lengths" : "shape \(shape)" }
}

/// Rows of numbers.
package struct Matrix: Sendable {
    package var values: [Double]
    package var rows: Int
    package var columns: Int

    package init(values: [Double], rows: Int, columns: Int) {
        self.values = values
        self.rows = rows
        self.columns = columns
    }

    package subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

    /// The least and the largest finite number; nil where there is none.
    package var range: ClosedRange<Double>? { values.finiteRange }
}

extension Sequence where Element == Double {
    var finiteRange: ClosedRange<Double>? {
        var (low, high) = (Double.infinity, -Double.infinity)
        for value in self where value.isFinite {
            low = Swift.min(low, value)
            high = Swift.max(high, value)
        }
        return low <= high ? low...high : nil
    }
}
