import Needletail
import NeedletailTraining
import TensorRuntime

/// Reads PNG and JPEG files as arrays.
public enum ImageFile {
    /// Planes of a picture.
    public enum Channels: Int, Hashable, Sendable {
        /// Brightness by ITU-R 601-2: 0.299 red + 0.587 green + 0.114 blue.
        case gray = 1
        case rgb = 3
    }

    /// How a picture comes to a size.
    public enum Fit: Hashable, Sendable {
        /// Each axis is resized by itself.
        case stretch
        /// Resized so that it just covers the size, then cut around its middle.
        case crop
    }

    /// Pixels of a picture at most, unless the caller says otherwise.
    public static let defaultLimit = 1 << 26
    private static let byteLimit = 1 << 29

    /// A picture as uint8 `[channels, height, width]`.
    ///
    /// As torchvision's loaders do, it takes what is stored: 16-bit samples are rounded to 8, a palette is looked up, what is
    /// transparent keeps its colour, inks of a printer are turned over as Adobe writes them, and no orientation of a camera is
    /// applied.
    ///
    /// - Parameters:
    ///   - size: height and width; nil is the picture's own.
    ///   - limit: pixels of the file at most.
    /// - Throws: `file` where it cannot be read; `data` where it is broken, another format or too large; `unsupported` where
    ///   the library for it is not installed.
    public static func read(
        _ path: String, channels: Channels = .rgb, size: (height: Int, width: Int)? = nil, fit: Fit = .stretch,
        limit: Int = ImageFile.defaultLimit
    ) throws(TensorError) -> HostArray {
        if let size, size.height < 1 || size.width < 1 || size.height > 1 << 15 || size.width > 1 << 15 {
            throw TensorError(
                .invalidArgument, "ImageFile: a size of \(size.height) x \(size.width); use 1 to 32768 each")
        }
        let bytes = try FileReader(path: path).readAll(limit: byteLimit)
        var picture = pixels(of: try ImageCodecs.decode(bytes, path: path, limit: limit), channels)
        if let size { picture = try fitted(picture, size, fit, path: path, limit: limit) }
        return HostArray(picture.planes, shape: [channels.rawValue, picture.height, picture.width])
    }

    private static func fitted(
        _ picture: Pixels, _ size: (height: Int, width: Int), _ fit: Fit, path: String, limit: Int
    ) throws(TensorError) -> Pixels {
        // Rows are resized first: the picture between has the file's height.
        func check(_ height: Int, _ width: Int) throws(TensorError) {
            let (area, overflows) = height.multipliedReportingOverflow(by: width)
            guard !overflows, area <= max(limit, defaultLimit, size.height * size.width) else {
                throw TensorError(
                    .data,
                    "\(path): \(picture.height) x \(picture.width) pixels are too narrow to become "
                        + "\(size.height) x \(size.width); take it out, or raise the limit")
            }
        }
        guard fit == .crop else {
            try check(picture.height, size.width)
            return picture.resized(height: size.height, width: size.width)
        }
        let scale = max(
            Double(size.height) / Double(picture.height), Double(size.width) / Double(picture.width))
        let height = max(size.height, Int((Double(picture.height) * scale).rounded()))
        let width = max(size.width, Int((Double(picture.width) * scale).rounded()))
        try check(max(height, picture.height), width)
        let cover = picture.resized(height: height, width: width)
        return cover.cropped(
            top: (height - size.height) / 2, left: (width - size.width) / 2, height: size.height, width: size.width)
    }

    /// Planes of a decoded picture.
    private static func pixels(of decoded: ImageCodecs.Decoded, _ channels: Channels) -> Pixels {
        let count = decoded.width * decoded.height
        let planes = [UInt8](unsafeUninitializedCapacity: channels.rawValue * count) { planes, initialized in
            decoded.pixels.withUnsafeBufferPointer { pixels in
                for pixel in 0..<count {
                    var (red, green, blue) = (pixels[4 * pixel], pixels[4 * pixel + 1], pixels[4 * pixel + 2])
                    if decoded.isCMYK {
                        // Adobe stores 255 - ink.
                        let black = pixels[4 * pixel + 3]
                        (red, green, blue) = (inked(red, black), inked(green, black), inked(blue, black))
                    }
                    switch channels {
                    case .rgb:
                        planes[pixel] = red
                        planes[count + pixel] = green
                        planes[2 * count + pixel] = blue
                    case .gray:
                        // The weights times 2^16.
                        let sum = 19595 * UInt32(red) + 38470 * UInt32(green) + 7471 * UInt32(blue)
                        planes[pixel] = UInt8((sum + 0x8000) >> 16)
                    }
                }
            }
            initialized = channels.rawValue * count
        }
        return Pixels(planes: planes, channels: channels.rawValue, height: decoded.height, width: decoded.width)
    }

    /// What paper shows through an ink and black, both as what they let through.
    private static func inked(_ ink: UInt8, _ black: UInt8) -> UInt8 {
        UInt8((UInt32(ink) * UInt32(black) + 127) / 255)
    }
}
