import Foundation
import TensorRuntime

extension Tensor: CustomStringConvertible {
    /// The values as [PyTorch prints them](https://pytorch.org/docs/stable/generated/torch.set_printoptions.html):
    /// 4 digits, more than 1000 elements summarised by 3 at each end. Evaluates the tensor.
    public var description: String {
        do throws(TensorError) {
            return try TensorPrinter(self).text
        } catch {
            return "tensor(<\(error.message)>, size=\(shape.bracketed))"
        }
    }
}

extension Shape {
    fileprivate var bracketed: String { "(" + map(String.init).joined(separator: ", ") + ")" }
}

/// Prints one tensor.
private struct TensorPrinter {
    private static let threshold = 1000
    private static let edge = 3
    private static let digits = 4
    private static let lineWidth = 80

    let text: String

    init(_ tensor: Tensor) throws(TensorError) {
        let detached = tensor.detach()
        let summarises = tensor.elementCount > TensorPrinter.threshold
        let shown = summarises ? TensorPrinter.edges(of: detached) : detached
        let body: String
        if tensor.elementCount == 0 {
            body = "[]"
        } else {
            let cells = try TensorPrinter.cells(of: shown)
            let width = cells.map(\.count).max() ?? 0
            let padded = cells.map { String(repeating: " ", count: width - $0.count) + $0 }
            let printer = Lines(cells: padded, width: width, shown: shown.shape, full: tensor.shape)
            body = printer.render(axis: 0, start: 0, indent: 8)
        }
        text = "tensor(" + body + TensorPrinter.suffix(tensor) + ")"
    }

    /// What stands after the values: whatever is not the default of what is printed.
    private static func suffix(_ tensor: Tensor) -> String {
        var suffix = ""
        if tensor.elementCount == 0 && tensor.rank != 1 { suffix += ", size=\(tensor.shape.bracketed)" }
        if tensor.device != .cpu { suffix += ", device='\(tensor.device)'" }
        let isDefault = tensor.dtype == .float32 || tensor.dtype == .int64 || tensor.dtype == .bool
        if !isDefault || (tensor.elementCount == 0 && tensor.dtype != .float32) { suffix += ", dtype=\(tensor.dtype)" }
        if tensor.requiresGrad { suffix += ", requiresGrad=true" }
        return suffix
    }

    /// The first and last elements along each long axis.
    private static func edges(of tensor: Tensor) -> Tensor {
        var result = tensor
        for axis in 0..<tensor.rank where tensor.shape[axis] > 2 * edge {
            result = Tensor.concatenate(
                [
                    result.narrowed(axis: axis, start: 0, count: edge),
                    result.narrowed(axis: axis, start: tensor.shape[axis] - edge, count: edge),
                ], axis: axis)
        }
        return result
    }

    /// The text of each element, not yet aligned.
    private static func cells(of tensor: Tensor) throws(TensorError) -> [String] {
        switch tensor.dtype.kind {
        case .bool: return try tensor.scalars(as: Bool.self).map { $0 ? "True" : "False" }
        case .integer: return try tensor.scalars(as: Int64.self).map(String.init)
        case .float:
            if tensor.dtype == .float64 { return floatCells(try tensor.scalars(as: Double.self)) }
            return floatCells(try tensor.scalars(as: Float.self).map(Double.init))
        }
    }

    private static func floatCells(_ values: [Double]) -> [String] {
        let sizes = values.filter { $0.isFinite && $0 != 0 }.map(abs)
        let largest = sizes.max() ?? 0
        let smallest = sizes.min() ?? 0
        let isScientific = largest > 1e8 || (smallest > 0 && (smallest < 1e-4 || largest / smallest > 1000))
        let isWhole = values.allSatisfy { !$0.isFinite || $0 == $0.rounded() }
        return values.map { value in
            if value.isNaN { return "nan" }
            if value.isInfinite { return value < 0 ? "-inf" : "inf" }
            if isWhole { return isScientific ? String(format: "%.4e", value) : String(format: "%.0f.", value) }
            return String(format: isScientific ? "%.\(digits)e" : "%.\(digits)f", value)
        }
    }

    /// Lays out nested brackets.
    private struct Lines {
        let cells: [String]
        let width: Int
        let shown: Shape
        let full: Shape

        func render(axis: Int, start: Int, indent: Int) -> String {
            if axis == shown.rank { return cells[start].trimmingCharacters(in: .whitespaces) }
            let stride = shown.contiguousStrides[axis]
            let cut = shown[axis] < full[axis] ? TensorPrinter.edge : -1
            if axis == shown.rank - 1 {
                var items: [String] = []
                for index in 0..<shown[axis] {
                    if index == cut { items.append(" ...") }
                    items.append(cells[start + index])
                }
                return "[" + wrapped(items, indent: indent + axis) + "]"
            }
            let separator =
                "," + String(repeating: "\n", count: shown.rank - axis - 1)
                + String(repeating: " ", count: indent + axis)
            var items: [String] = []
            for index in 0..<shown[axis] {
                if index == cut { items.append("...") }
                items.append(render(axis: axis + 1, start: start + index * stride, indent: indent))
            }
            return "[" + items.joined(separator: separator) + "]"
        }

        private func wrapped(_ items: [String], indent: Int) -> String {
            let perLine = Swift.max((TensorPrinter.lineWidth - indent) / (width + 2), 1)
            var lines: [String] = []
            var next = 0
            while next < items.count {
                lines.append(items[next..<Swift.min(next + perLine, items.count)].joined(separator: ", "))
                next += perLine
            }
            return lines.joined(separator: ",\n" + String(repeating: " ", count: indent))
        }
    }
}
