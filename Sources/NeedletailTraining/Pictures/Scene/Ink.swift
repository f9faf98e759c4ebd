import Foundation

/// A colour in sRGB, each part in 0...1.
package struct RGB: Hashable, Sendable {
    package var red: Double
    package var green: Double
    package var blue: Double

    package init(_ red: Double, _ green: Double, _ blue: Double) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// A colour as it is written in CSS: `0xE69F00`.
    package init(_ hex: Int) {
        self.init(Double(hex >> 16 & 255) / 255, Double(hex >> 8 & 255) / 255, Double(hex & 255) / 255)
    }

    package var bytes: (UInt8, UInt8, UInt8) {
        func byte(_ x: Double) -> UInt8 { x.isNaN ? 0 : UInt8(min(max(x, 0), 1) * 255 + 0.5) }
        return (byte(red), byte(green), byte(blue))
    }

    /// `#e69f00`
    package var hex: String {
        let (r, g, b) = bytes
        let digits = Array("0123456789abcdef")
        return "#" + [r, g, b].map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
    }

    /// How light the colour looks, 0 (black) to 1: its lightness in OKLab.
    package var lightness: Double { OKLab(self).lightness }

    package func mixed(with other: RGB, _ share: Double) -> RGB {
        RGB(
            red + (other.red - red) * share, green + (other.green - green) * share,
            blue + (other.blue - blue) * share)
    }
}

/// A colour in OKLab, where equal distances look equal.
///
/// Source: Ottosson, [A perceptual color space for image processing](https://bottosson.github.io/posts/oklab/), 2020.
package struct OKLab: Sendable {
    package var lightness: Double
    package var a: Double
    package var b: Double

    package init(lightness: Double, chroma: Double, hue: Double) {
        self.lightness = lightness
        a = chroma * cos(hue * .pi / 180)
        b = chroma * sin(hue * .pi / 180)
    }

    package init(_ color: RGB) {
        func linear(_ x: Double) -> Double { x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4) }
        let (r, g, b) = (linear(color.red), linear(color.green), linear(color.blue))
        let l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
        let m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
        let s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
        lightness = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s
        a = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s
        self.b = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s
    }

    /// The colour in sRGB; nil where a screen cannot show it.
    private var screen: RGB? {
        let l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3)
        let m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3)
        let s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3)
        let parts = [
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
        ]
        guard parts.allSatisfy({ $0 > -1e-4 && $0 < 1.0001 }) else { return nil }
        let shown = parts.map { x in
            let x = min(max(x, 0), 1)
            return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055
        }
        return RGB(shown[0], shown[1], shown[2])
    }

    /// The colour in sRGB, less vivid where a screen cannot show it: its lightness and hue stay.
    package var rgb: RGB {
        var color = self
        for _ in 0..<60 {
            if let shown = color.screen { return shown }
            color.a *= 0.95
            color.b *= 0.95
        }
        return RGB(lightness, lightness, lightness)
    }
}

/// What something is drawn with: a colour of its own, or what it stands for, whose colour is the theme's.
package enum Ink: Hashable, Sendable {
    case fixed(RGB, opacity: Double = 1)
    case role(Role, opacity: Double = 1)

    /// What a colour stands for.
    package enum Role: Hashable, Sendable {
        case background, text, muted, axis, grid, mistake
        /// The colour of the n-th series or class; after the last the first comes again.
        case series(Int)
    }

    /// The same at a share of its opacity.
    package func faded(_ share: Double) -> Ink {
        switch self {
        case .fixed(let color, let opacity): .fixed(color, opacity: opacity * share)
        case .role(let role, let opacity): .role(role, opacity: opacity * share)
        }
    }

    package var opacity: Double {
        switch self {
        case .fixed(_, let opacity), .role(_, let opacity): opacity
        }
    }

    static func series(_ index: Int) -> Ink { .role(.series(max(index, 0))) }
}
