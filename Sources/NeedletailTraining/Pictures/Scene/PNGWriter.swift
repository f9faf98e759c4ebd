import CZlib
import TensorRuntime

/// Writes pixels as PNG.
///
/// Source: [Portable Network Graphics](https://www.w3.org/TR/png-3/), third edition.
package enum PNGWriter {
    /// A drawn scene, opaque.
    package static func png(_ canvas: Canvas) -> [UInt8] {
        file(canvas.bytes, width: canvas.width, height: canvas.height, channels: 3)
    }

    /// An image with transparent pixels.
    package static func png(_ image: PixelImage) -> [UInt8] {
        file(image.pixels, width: image.width, height: image.height, channels: 4)
    }

    private static func file(_ pixels: [UInt8], width: Int, height: Int, channels: Int) -> [UInt8] {
        var result: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // 8 bits a channel, in colour, with or without opacity, no interlacing.
        let colorType: UInt8 = channels == 4 ? 6 : 2
        result += chunk("IHDR", bigEndian(width) + bigEndian(height) + [8, colorType, 0, 0, 0])
        // Flat areas are smallest as they are, soft ones as differences of rows; trying both costs little.
        let plain = compressed(filtered(pixels, width: width, height: height, channels: channels, upwards: false))
        let upwards = compressed(filtered(pixels, width: width, height: height, channels: channels, upwards: true))
        result += chunk("IDAT", upwards.count < plain.count ? upwards : plain)
        return result + chunk("IEND", [])
    }

    /// The rows, each behind the number of its filter: 0 for the bytes themselves, 2 for what they are more than those
    /// above.
    private static func filtered(
        _ pixels: [UInt8], width: Int, height: Int, channels: Int, upwards: Bool
    ) -> [UInt8] {
        let length = width * channels
        var result: [UInt8] = []
        result.reserveCapacity(height * (length + 1))
        for row in 0..<height {
            let start = row * length
            result.append(upwards ? 2 : 0)
            if upwards, row > 0 {
                for place in start..<start + length { result.append(pixels[place] &- pixels[place - length]) }
            } else {
                result += pixels[start..<start + length]
            }
        }
        return result
    }

    private static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var size = compressBound(UInt(bytes.count))
        var result = [UInt8](repeating: 0, count: Int(size))
        let code = compress2(&result, &size, bytes, UInt(bytes.count), 9)
        // The bound is enough, and Swift ends the process itself where there is no memory.
        guard code == Z_OK else {
            WrongCall.end(TensorError(.outOfMemory, "png: zlib cannot start (code \(code)); free some memory"), at: nil)
        }
        result.removeLast(result.count - Int(size))
        return result
    }

    private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        return bigEndian(data.count) + body + bigEndian(Int(crc32(0, body, UInt32(body.count))))
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        [UInt8(number >> 24 & 255), UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)]
    }
}
