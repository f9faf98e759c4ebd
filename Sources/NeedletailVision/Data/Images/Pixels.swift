/// A picture as planes of bytes.
struct Pixels {
    /// `channels * height * width`, plane by plane.
    let planes: [UInt8]
    let channels: Int
    let height: Int
    let width: Int

    /// The picture in another size: bilinear, and where it gets smaller averaged over the pixels that it loses, as
    /// [Pillow](https://pillow.readthedocs.io/en/stable/handbook/concepts.html#filters) and torchvision resize, bit for bit: along
    /// the rows first, rounded to bytes in between. (Pillow 13 may take the columns first, which changes last bits.)
    func resized(height: Int, width: Int) -> Pixels {
        var result = self
        if width != self.width { result = result.resizedAlongRows(to: width) }
        if height != self.height { result = result.resizedAlongColumns(to: height) }
        return result
    }

    func cropped(top: Int, left: Int, height: Int, width: Int) -> Pixels {
        if top == 0, left == 0, height == self.height, width == self.width { return self }
        var kept: [UInt8] = []
        kept.reserveCapacity(channels * height * width)
        for channel in 0..<channels {
            for row in top..<(top + height) {
                let start = (channel * self.height + row) * self.width + left
                kept.append(contentsOf: planes[start..<(start + width)])
            }
        }
        return Pixels(planes: kept, channels: channels, height: height, width: width)
    }

    private func resizedAlongRows(to width: Int) -> Pixels {
        let taps = Taps(from: self.width, to: width)
        let resized = [UInt8](unsafeUninitializedCapacity: channels * height * width) { target, initialized in
            planes.withUnsafeBufferPointer { source in
                for row in 0..<(channels * height) {
                    for column in 0..<width {
                        target[row * width + column] = taps.sum(column) { Int32(source[row * self.width + $0]) }
                    }
                }
            }
            initialized = channels * height * width
        }
        return Pixels(planes: resized, channels: channels, height: height, width: width)
    }

    private func resizedAlongColumns(to height: Int) -> Pixels {
        let taps = Taps(from: self.height, to: height)
        let resized = [UInt8](unsafeUninitializedCapacity: channels * height * width) { target, initialized in
            planes.withUnsafeBufferPointer { source in
                for channel in 0..<channels {
                    let plane = channel * self.height * width
                    for row in 0..<height {
                        for column in 0..<width {
                            target[(channel * height + row) * width + column] = taps.sum(row) {
                                Int32(source[plane + $0 * width + column])
                            }
                        }
                    }
                }
            }
            initialized = channels * height * width
        }
        return Pixels(planes: resized, channels: channels, height: height, width: width)
    }
}

/// Which pixels of an axis each pixel of a resized one is made of, with weights in units of 2^-22.
private struct Taps {
    private static let bits: Int32 = 22
    private var first: [Int] = []
    private var weights: [[Int32]] = []

    init(from: Int, to: Int) {
        let scale = Double(from) / Double(to)
        // The triangle grows with what it has to average.
        let stretch = max(scale, 1)
        for place in 0..<to {
            let middle = (Double(place) + 0.5) * scale
            let start = max(0, Int(middle - stretch + 0.5))
            let end = min(from, Int(middle + stretch + 0.5))
            let heights = (start..<end).map { pixel -> Double in
                let distance = abs((Double(pixel) - middle + 0.5) * (1 / stretch))
                return distance < 1 ? 1 - distance : 0
            }
            let total = heights.reduce(0, +)
            first.append(start)
            weights.append(
                heights.map { height in
                    let share = total == 0 ? 0 : height * (1 / total)
                    return Int32(0.5 + share * Double(1 << Taps.bits))
                })
        }
    }

    func sum(_ place: Int, _ pixel: (Int) -> Int32) -> UInt8 {
        let start = first[place]
        var sum: Int32 = 1 << (Taps.bits - 1)
        let row = weights[place]
        for index in 0..<row.count { sum &+= pixel(start + index) &* row[index] }
        return UInt8(clamping: sum >> Taps.bits)
    }
}
