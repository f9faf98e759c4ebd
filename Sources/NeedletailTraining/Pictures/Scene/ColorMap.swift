import Foundation

/// Colours for numbers in 0...1.
public enum ColorMap: Hashable, Sendable {
    /// Dark blue over green to light yellow. Lightness in OKLab rises evenly, so that equal differences look equal, in
    /// grey print and to people who see no colours too.
    case sequential
    /// Blue over white to red, evenly lighter towards the middle: for numbers below and above 0.
    case diverging
    /// Black to white: for images.
    case gray
    /// The ground to the first series' blue: for counts, with text on it.
    case counts

    private static let steps = 256
    private static let sequentialColors = (0..<steps).map { step in
        let t = Double(step) / Double(steps - 1)
        let chroma = 0.10 + 0.06 * sin(.pi * min(t * 1.15, 1))
        return OKLab(lightness: 0.24 + 0.70 * t, chroma: chroma, hue: 292 - 184 * t).rgb
    }
    private static let divergingColors = (0..<steps).map { step in
        let t = 2 * Double(step) / Double(steps - 1) - 1
        let distance = abs(t)
        return OKLab(lightness: 0.985 - 0.52 * distance, chroma: 0.20 * pow(distance, 0.8), hue: t < 0 ? 252 : 28).rgb
    }
    private static let countColors = (0..<steps).map { step in
        let t = Double(step) / Double(steps - 1)
        return OKLab(lightness: 0.985 - 0.60 * t, chroma: 0.02 + 0.11 * t, hue: 248).rgb
    }

    /// The colour of `value`, held within 0...1; nil for NaN.
    package func color(_ value: Double) -> RGB? {
        guard !value.isNaN else { return nil }
        let t = min(max(value, 0), 1)
        let step = Int((t * Double(ColorMap.steps - 1)).rounded())
        return switch self {
        case .sequential: ColorMap.sequentialColors[step]
        case .diverging: ColorMap.divergingColors[step]
        case .counts: ColorMap.countColors[step]
        case .gray: RGB(t, t, t)
        }
    }

    /// Black or white, whichever is read better on the colour of `value`.
    package func textColor(on value: Double) -> RGB {
        guard let color = color(value) else { return RGB(0x1B1F24) }
        return color.lightness > 0.66 ? RGB(0x1B1F24) : RGB(0xFFFFFF)
    }
}
