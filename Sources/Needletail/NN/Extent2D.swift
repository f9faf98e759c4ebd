import TensorRuntime

/// Height and width of a kernel, stride or padding: `3` for both, or `[3, 5]`.
public struct Extent2D: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    CustomStringConvertible
{
    /// Of axis 2 in `[N, C, H, W]`.
    public var height: Int
    /// Of axis 3, the one whose elements lie side by side.
    public var width: Int

    /// Numbers are not checked here: the layer that is given them says what it cannot use.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// The same in both directions.
    public init(_ both: Int) { self.init(height: both, width: both) }
    /// The same in both directions: `kernel: 3`.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Height and width: `kernel: [3, 5]`. Any other number of elements is a wrong call.
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
