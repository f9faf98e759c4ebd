import Foundation
import TensorRuntime

extension Chart {
    /// A picture of images in rows. Of more than 1000 the first 1000 are drawn, and how many are left out is said below them.
    ///
    /// - Parameters:
    ///   - images: `[n, h, w]` or `[n, 1, h, w]` in grey, `[n, 3, h, w]` in colour. Numbers from 0 to 1, or to 255, are
    ///     those of a screen; others are stretched from the least to the largest. What is no number is transparent.
    ///   - captions: a line below each image.
    ///   - mistakes: whether an image gets a red frame.
    ///   - columns: how many images stand in a row; by default so many that they are as large as possible.
    public static func images<V: PlotValues>(
        _ images: V, captions: [String] = [], mistakes: [Bool] = [], columns: Int? = nil, title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(V.Failure) -> Chart {
        let array = try images.plotted()
        return grid("images", array, .screen, captions, mistakes, columns, title, CallSite(file, line))
    }

    /// A picture of signed numbers as images: blue below 0, white at 0, red above, all by one scale.
    ///
    /// - Parameters:
    ///   - weights: `[n, h, w]`; see ``weights(of:width:captions:title:file:line:)`` for those of a layer.
    ///   - scalesEach: whether each image has a scale of its own.
    public static func signedImages<V: PlotValues>(
        _ weights: V, captions: [String] = [], columns: Int? = nil, scalesEach: Bool = false, title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(V.Failure) -> Chart {
        let array = try weights.plotted()
        return grid(
            "signedImages", array, .signed(each: scalesEach), captions, [], columns, title, CallSite(file, line))
    }

    /// A picture of feature maps: grey, each stretched by itself.
    ///
    /// - Parameter maps: `[n, h, w]`.
    public static func featureMaps<V: PlotValues>(
        _ maps: V, captions: [String] = [], columns: Int? = nil, title: String = "", file: StaticString = #fileID,
        line: UInt = #line
    ) throws(V.Failure) -> Chart {
        let array = try maps.plotted()
        return grid("featureMaps", array, .stretchedEach, captions, [], columns, title, CallSite(file, line))
    }

    private static func grid(
        _ operation: String, _ array: PlotArray, _ scale: ImageGrid.Scale, _ captions: [String], _ mistakes: [Bool],
        _ columns: Int?, _ title: String, _ site: CallSite
    ) -> Chart {
        var result = Chart(title)
        result.content = .images(ImageGrid(images: [], captions: [], mistakes: [], columns: nil))
        if array.values.isEmpty, !array.isRagged { return result }
        var shape = array.shape
        if shape.count == 3 { shape.insert(1, at: 1) }
        guard !array.isRagged, shape.count == 4, shape[1] == 1 || (shape[1] == 3 && scale == .screen) else {
            let wanted = scale == .screen ? "[n, h, w], [n, 1, h, w] or [n, 3, h, w]" : "[n, h, w] or [n, 1, h, w]"
            wrong(operation, "images have \(array.shapeText)", remedy: "pass \(wanted)", site)
            return result
        }
        for (what, count) in [("captions", captions.count), ("mistakes", mistakes.count)]
        where count > 0 && count != shape[0] {
            wrong(operation, "\(count) \(what) for \(shape[0]) images", remedy: "pass one for each", site)
            return result
        }
        if let columns, columns < 1 {
            wrong(operation, "\(columns) columns", remedy: "use 1 or more", site)
            return result
        }
        let all = shape[0]
        shape[0] = min(all, ImageGrid.limit)
        let values = array.values.prefix(shape.reduce(1, *))
        result.content = .images(
            ImageGrid(
                images: ImageGrid.pictures(Array(values), shape, scale), captions: Array(captions.prefix(shape[0])),
                mistakes: Array(mistakes.prefix(shape[0])), columns: columns, omitted: all - shape[0]))
        return result
    }
}

/// Images in rows, each with a caption.
struct ImageGrid: Sendable {
    enum Scale: Hashable, Sendable {
        case screen, stretchedEach
        case signed(each: Bool)
    }

    /// Images that are drawn at most.
    static let limit = 1000

    var images: [PixelImage]
    var captions: [String]
    var mistakes: [Bool]
    var columns: Int?
    /// Images that are left out.
    var omitted = 0

    /// The pixels of images of shape `[n, channels, h, w]`.
    static func pictures(_ values: [Double], _ shape: [Int], _ scale: Scale) -> [PixelImage] {
        let (count, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
        let size = channels * height * width
        let whole = values.finiteRange ?? 0...1
        return (0..<count).map { index in
            let own = values[index * size..<(index + 1) * size]
            let range =
                switch scale {
                case .screen: screenRange(whole)
                case .stretchedEach: own.finiteRange ?? 0...1
                case .signed(let each): symmetric(each ? own.finiteRange ?? 0...1 : whole)
                }
            let length = max(range.upperBound - range.lowerBound, 1e-300)
            let start = own.startIndex
            return PixelImage(width: width, height: height) { x, y in
                let parts = (0..<channels).map { channel in
                    (own[start + (channel * height + y) * width + x] - range.lowerBound) / length
                }
                if channels == 3 {
                    return parts.contains(where: \.isNaN) ? nil : RGB(parts[0], parts[1], parts[2])
                }
                return (scale == .screen || scale == .stretchedEach ? ColorMap.gray : .diverging).color(parts[0])
            }
        }
    }

    private static func screenRange(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
        guard range.lowerBound >= 0 else { return range }
        return range.upperBound <= 1 ? 0...1 : range.upperBound <= 255 ? 0...255 : range
    }

    private static func symmetric(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
        let reach = max(abs(range.lowerBound), abs(range.upperBound), 1e-300)
        return -reach...reach
    }

    func draw(into scene: inout Scene, in frame: Rect) {
        guard let first = images.first else {
            Chart.drawNothing(into: &scene, in: frame)
            return
        }
        var frame = frame
        if omitted > 0 {
            frame.height -= Sizes.tick * 1.5
            scene.text(
                "the first \(images.count) of \(images.count + omitted); \(omitted) are left out",
                Point(frame.center.x, frame.bottom + Sizes.tick), size: Sizes.tick, .middle, ink: .role(.muted))
        }
        let ratio = Double(first.width) / Double(max(first.height, 1))
        let gap = 10.0
        func layout(_ columns: Int) -> (width: Double, caption: Double, rows: Int) {
            let rows = (images.count + columns - 1) / columns
            let across = (frame.width - gap * Double(columns - 1)) / Double(columns)
            let caption = captions.allSatisfy(\.isEmpty) ? 0 : min(Sizes.tick, max(across * 0.2, 8))
            let down = (frame.height - gap * Double(rows - 1)) / Double(rows) - caption * 1.5
            return (min(across, down * ratio), caption, rows)
        }
        let columns = self.columns ?? (1...images.count).max { layout($0).width < layout($1).width } ?? 1
        let (width, caption, _) = layout(min(columns, images.count))
        guard width > 1 else { return }
        let height = width / ratio
        let step = (frame.width - width * Double(min(columns, images.count))) / Double(min(columns, images.count))
        let across = width + min(step, gap * 4)
        let down = height + caption * 1.5 + gap
        let left = frame.x + (frame.width - across * Double(min(columns, images.count)) + across - width) / 2
        let top = frame.y + 4
        // Long captions are smaller, down to two thirds.
        let longest = captions.map { StrokeFont.width(of: $0, size: caption) }.max() ?? 0
        let size = max(min(caption, caption * (across - 8) / max(longest, 1)), caption * 0.67)
        for (index, image) in images.enumerated() {
            let place = Rect(
                left + across * Double(index % columns), top + down * Double(index / columns), width, height)
            scene.image(image, in: place, isSmooth: false)
            let isMistake = index < mistakes.count && mistakes[index]
            let edge = isMistake ? Stroke(.role(.mistake), 3.5) : Stroke(.role(.grid), 1)
            scene.rect(place.inset(left: -1, top: -1, right: -1, bottom: -1), nil, stroke: edge)
            if index < captions.count {
                scene.text(
                    StrokeFont.shortened(captions[index], to: across - 8, size: size),
                    Point(place.center.x, place.bottom + caption * 1.15), size: size, .middle,
                    ink: .role(isMistake ? .mistake : .text))
            }
        }
    }
}
