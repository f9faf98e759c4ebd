/// The names of what is drawn, where they hide nothing of it.
enum Legend {
    enum Corner: CaseIterable { case topRight, topLeft, bottomRight, bottomLeft }

    static let line = Sizes.legend * 1.5
    private static let sample = 26.0

    static func size(_ entries: [LegendEntry]) -> (width: Double, height: Double) {
        let names = entries.map { StrokeFont.width(of: $0.name, size: Sizes.legend) }.max() ?? 0
        return (names * 1.06 + sample + Sizes.gap * 2.5, Double(entries.count) * line + Sizes.gap)
    }

    private static func width(_ entry: LegendEntry) -> Double {
        sample + Sizes.gap + StrokeFont.width(of: entry.name, size: Sizes.legend)
    }

    /// How wide all names are side by side.
    static func rowWidth(_ entries: [LegendEntry]) -> Double {
        entries.reduce(0) { $0 + width($1) } + Double(entries.count - 1) * Sizes.legend * 1.4
    }

    /// Draws the legend as one row in the middle of `top`, as far as it keeps within `frame`.
    static func drawRow(_ entries: [LegendEntry], into scene: inout Scene, at top: Point, within frame: Rect) {
        let whole = rowWidth(entries)
        var x = min(max(top.x - whole / 2, frame.x), frame.right - whole)
        for entry in entries {
            draw(entry, into: &scene, x, top.y + line * 0.4)
            x += width(entry) + Sizes.legend * 1.4
        }
    }

    private static func draw(_ entry: LegendEntry, into scene: inout Scene, _ x: Double, _ y: Double) {
        switch entry.sample {
        case .line(let dashes):
            let stroke = Stroke(entry.ink, Sizes.line, dashes: dashes, isRound: dashes.isEmpty)
            scene.line([Point(x, y), Point(x + sample, y)], stroke)
        case .dot(let shape): shape.draw(into: &scene, Point(x + sample / 2, y), 5.5, entry.ink, rim: nil)
        case .box: scene.rect(Rect(x + 4, y - 7, 18, 14), entry.ink, corner: 2)
        }
        scene.text(entry.name, Point(x + sample + Sizes.gap, y + Sizes.legend * 0.35), size: Sizes.legend)
    }

    private static func place(_ corner: Corner, _ size: (width: Double, height: Double), in rect: Rect) -> Rect {
        let isRight = corner == .topRight || corner == .bottomRight
        let isTop = corner == .topRight || corner == .topLeft
        return Rect(
            isRight ? rect.right - size.width - Sizes.gap : rect.x + Sizes.gap,
            isTop ? rect.y + Sizes.gap : rect.bottom - size.height - Sizes.gap, size.width, size.height)
    }

    /// A corner of the axes where the legend is on nothing that is drawn; nil where there is none.
    static func freeCorner(_ entries: [LegendEntry], in rect: Rect, _ obstacles: [Point]) -> Corner? {
        let size = size(entries)
        guard size.width < rect.width * 0.6, size.height < rect.height * 0.6 else { return nil }
        return Corner.allCases.first { corner in
            let place = place(corner, size, in: rect).inset(left: -6, top: -6, right: -6, bottom: -6)
            return !obstacles.contains(where: place.contains)
        }
    }

    /// Draws the legend in a corner of `rect`, or with its left upper corner at `beside`.
    static func draw(
        _ entries: [LegendEntry], into scene: inout Scene, at corner: Corner?, beside: Point, _ rect: Rect
    ) {
        let size = size(entries)
        let box = corner.map { place($0, size, in: rect) } ?? Rect(beside.x, beside.y, size.width, size.height)
        if corner != nil { scene.rect(box, .role(.background, opacity: 0.85), corner: 4) }
        for (row, entry) in entries.enumerated() {
            draw(
                entry, into: &scene, box.x + Sizes.gap, box.y + Sizes.gap / 2 + (Double(row) + 0.5) * line)
        }
    }
}
