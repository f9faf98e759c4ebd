/// The colours of a picture.
public enum Theme: Hashable, Sendable {
    /// Dark on white, as for paper.
    case light
    /// Light on nearly black.
    case dark
    /// As the reader's browser prefers, and light in print. Only an SVG can be so; a PNG is light.
    case automatic

    /// The colours of series and classes, which people who see no red, green or blue tell apart too.
    ///
    /// Source: Okabe and Ito, [Color Universal Design](https://jfly.uni-koeln.de/color/), 2008. Their yellow is darker
    /// on white, where lines of it would not be seen, and their black is white on a dark ground. Blue comes first.
    package static let lightSeries = [
        0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000, 0xB8A900,
    ].map(RGB.init)
    package static let darkSeries = [
        0x4AA8E8, 0xF0803C, 0x2CC295, 0xE09BC4, 0xE69F00, 0x9AD4F5, 0xFFFFFF, 0xF0E442,
    ].map(RGB.init)

    /// The colour of a role on light or dark ground.
    package static func color(of role: Ink.Role, isDark: Bool) -> RGB {
        switch role {
        case .background: RGB(isDark ? 0x15181D : 0xFFFFFF)
        case .text: RGB(isDark ? 0xECEFF3 : 0x1B1F24)
        case .muted: RGB(isDark ? 0xA9B2BD : 0x57606A)
        case .axis: RGB(isDark ? 0x8B949E : 0x57606A)
        case .grid: RGB(isDark ? 0x30363D : 0xE1E5EA)
        case .mistake: RGB(isDark ? 0xFF6B6B : 0xD1242F)
        case .series(let index):
            isDark ? darkSeries[index % darkSeries.count] : lightSeries[index % lightSeries.count]
        }
    }

    /// The name of a role's CSS variable.
    package static func variable(of role: Ink.Role) -> String {
        switch role {
        case .background: "--nt-ground"
        case .text: "--nt-text"
        case .muted: "--nt-muted"
        case .axis: "--nt-axis"
        case .grid: "--nt-grid"
        case .mistake: "--nt-mistake"
        case .series(let index): "--nt-s\(index % lightSeries.count)"
        }
    }

    private static let roles: [Ink.Role] =
        [.background, .text, .muted, .axis, .grid, .mistake] + lightSeries.indices.map(Ink.Role.series)

    /// CSS that gives `selector` the variables of all roles: light, dark where the reader prefers it, light in print.
    package static func styleSheet(for selector: String) -> String {
        func rule(_ isDark: Bool) -> String {
            let colors = roles.map { "\(variable(of: $0)):\(color(of: $0, isDark: isDark).hex)" }
            return "\(selector){color-scheme:\(isDark ? "dark" : "light");\(colors.joined(separator: ";"))}"
        }
        return "\(rule(false))\n@media screen and (prefers-color-scheme:dark){\(rule(true))}\n"
    }
}
