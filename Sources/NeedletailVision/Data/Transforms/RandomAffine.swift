import Needletail
import NeedletailTraining
import TensorRuntime

/// Each picture turned, moved, scaled and sheared around its middle, by `gridSample(_:grid:mode:padding:alignCorners:file:line:)`.
///
/// Drawn are, in this order, where they can be at all: the angle, the move to the right, the move down, the scale, the shear along
/// x, the shear along y.
/// Source:
/// [torchvision.transforms.RandomAffine](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomAffine.html).
public struct RandomAffine: ImageTransform {
    /// Turned clockwise by `-degrees...degrees`.
    public let degrees: Double
    /// Moved by at most these shares of the width and the height, by whole pixels.
    public let translate: (x: Double, y: Double)
    /// Factors of the size.
    public let scale: ClosedRange<Double>
    /// Sheared by at most as many degrees along each axis.
    public let shear: (x: Double, y: Double)
    /// How values between pixels are made.
    public let mode: GridMode
    /// The value of what comes in.
    public let fill: Double

    /// What is not said does nothing.
    public init(
        degrees: Double = 0, translate: (x: Double, y: Double) = (0, 0), scale: ClosedRange<Double> = 1...1,
        shear: (x: Double, y: Double) = (0, 0), mode: GridMode = .bilinear, fill: Double = 0,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let isRight =
            degrees >= 0 && degrees.isFinite && (0...1).contains(translate.x) && (0...1).contains(translate.y)
            && scale.lowerBound > 0 && scale.upperBound.isFinite && (0..<90).contains(shear.x)
            && (0..<90).contains(shear.y)
        if !isRight {
            WrongCall.report(
                "RandomAffine", "degrees \(degrees), translate \(translate), scale \(scale), shear \(shear)",
                remedy: "use degrees of at least 0, moves in 0...1, scales above 0 and shears below 90 degrees",
                at: CallSite(file, line))
        }
        self.degrees = isRight ? degrees : 0
        self.translate = isRight ? translate : (0, 0)
        self.scale = isRight ? scale : 1...1
        self.shear = isRight ? shear : (0, 0)
        self.mode = mode
        self.fill = fill
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomAffine", floats: true) { return problem }
        func within(_ bound: Double) -> Tensor? {
            bound == 0 ? nil : (images.drawn(generator) * 2.0 - 1.0) * bound
        }
        let angle = within(degrees)
        let right = within(translate.x * Double(images.shape[3]))?.round()
        let down = within(translate.y * Double(images.shape[2]))?.round()
        var size: Tensor?
        if scale.lowerBound < scale.upperBound {
            size = images.drawn(generator) * (scale.upperBound - scale.lowerBound) + scale.lowerBound
        } else if scale.lowerBound != 1 {
            size = withDeviceContext(images.context) {
                Tensor.full([images.shape[0], 1, 1, 1], Float(scale.lowerBound))
            }
        }
        let (shearX, shearY) = (within(shear.x), within(shear.y))
        return AffineMap(angle: angle, right: right, down: down, scale: size, shearX: shearX, shearY: shearY)
            .applied(to: images, mode, fill)
    }
}

/// Each picture turned counterclockwise around its middle by `-degrees...degrees`.
/// Source:
/// [torchvision.transforms.RandomRotation](https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomRotation.html).
public struct RandomRotation: ImageTransform {
    /// At most as many.
    public let degrees: Double
    /// How values between pixels are made.
    public let mode: GridMode
    /// The value of what comes in.
    public let fill: Double

    /// - Parameter degrees: at most as many either way.
    public init(
        _ degrees: Double, mode: GridMode = .bilinear, fill: Double = 0, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let isRight = degrees >= 0 && degrees.isFinite
        if !isRight {
            WrongCall.report(
                "RandomRotation", "\(degrees) degrees", remedy: "use a number of at least 0", at: CallSite(file, line))
        }
        self.degrees = isRight ? degrees : 0
        self.mode = mode
        self.fill = fill
    }

    public func callAsFunction(_ images: Tensor, generator: Generator) -> Tensor {
        if let problem = images.imageProblem("RandomRotation", floats: true) { return problem }
        let angle = (images.drawn(generator) * 2.0 - 1.0) * -degrees
        return AffineMap(angle: angle).applied(to: images, mode, fill)
    }
}

/// An affine map for each picture, in pixels around the middle; each part is `[N, 1, 1, 1]`, nil where it does nothing.
private struct AffineMap {
    /// Degrees, clockwise as rows go down.
    var angle: Tensor?
    var right: Tensor?
    var down: Tensor?
    var scale: Tensor?
    /// Degrees.
    var shearX: Tensor?
    var shearY: Tensor?

    /// Values are read where the inverse map says: the turned, sheared and scaled picture's
    /// `R(angle) Shear(y) Shear(x) scale`, as torchvision's `_get_inverse_affine_matrix` writes it out.
    func applied(to images: Tensor, _ mode: GridMode, _ fill: Double) -> Tensor {
        let (n, rows, columns) = (images.shape[0], Double(images.shape[2]), Double(images.shape[3]))
        guard n > 0, rows > 0, columns > 0 else { return images }
        let none = withDeviceContext(images.context) { Tensor.zeros([n, 1, 1, 1]) }
        func radians(_ degrees: Tensor?) -> Tensor { degrees.map { $0 * (Double.pi / 180) } ?? none }
        let (turn, x, y) = (radians(angle), radians(shearX), radians(shearY))
        let (cosine, sine) = ((turn - y).cos() / y.cos(), (turn - y).sin() / y.cos())
        let slope = x.tan()
        let a = cosine
        let b = -(cosine * slope) - turn.sin()
        let c = sine
        let d = turn.cos() - sine * slope
        let size = scale ?? none + 1.0
        let (m00, m01, m10, m11) = (d / size, -b / size, -c / size, a / size)
        let (tx, ty) = (right ?? none, down ?? none)
        let m02 = -(m00 * tx) - m01 * ty
        let m12 = -(m10 * tx) - m11 * ty
        // From pixels to the grid's -1...1 on both axes.
        let entries = [
            m00, m01 * (rows / columns), m02 * (2 / columns), m10 * (columns / rows), m11, m12 * (2 / rows),
        ]
        let theta = Tensor.concatenate(entries.map { $0.reshape(n, 1) }, axis: 1).reshape(n, 2, 3)
        let grid = affineGrid(theta, size: images.shape.map { $0 })
        // Places are float32, and so are pictures while they are sampled.
        let wide = images.to(.float32)
        let moved = fill == 0 ? wide : wide - fill
        let sampled = gridSample(moved, grid: grid, mode: mode)
        return (fill == 0 ? sampled : sampled + fill).to(images.dtype)
    }
}
