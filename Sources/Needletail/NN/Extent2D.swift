import TensorRuntime

/// Height and width of a kernel, stride or padding: `3` for both, or `[3, 5]`.
public struct Extent2D: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    CustomStringConvertible
{
    public var height: Int
    public var width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    public init(_ both: Int) { self.init(height: both, width: both) }
    public init(integerLiteral value: Int) { self.init(value) }

    public init(arrayLiteral elements: Int...) {
        guard elements.count == 2 else {
            WrongCall.report("Extent2D", "\(elements.count) numbers", remedy: "give height and width", at: nil)
            self.init(0)
            return
        }
        self.init(height: elements[0], width: elements[1])
    }

    var list: [Int] { [height, width] }

    /// `3x5`
    public var description: String { "\(height)x\(width)" }
}
