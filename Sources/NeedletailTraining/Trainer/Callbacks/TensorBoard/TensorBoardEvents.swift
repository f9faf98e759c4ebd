/// What TensorBoard's event files are made of: the messages `Event` and `Summary` of
/// [event.proto](https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto) and
/// [summary.proto](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/summary.proto), in the frames of
/// [TFRecord](https://www.tensorflow.org/tutorials/load_data/tfrecord).
package enum TensorBoardEvents {
    // MARK: Events

    /// The event that a file begins with.
    package static func version(at time: Double) -> [UInt8] {
        field(1, time) + field(3, Array("brain.Event:2".utf8))
    }

    /// The event that says that a run begins at a step: readers forget what files before this one say of it and of later ones.
    package static func start(step: Int, at time: Double) -> [UInt8] {
        // SessionLog.START is 1.
        field(1, time) + integer(2, step) + field(7, integer(1, 1))
    }

    /// A number under a name, at a step.
    package static func scalar(_ name: String, _ value: Float, step: Int, at time: Double) -> [UInt8] {
        event(name, [2 << 3 | 5] + littleEndian(value.bitPattern), step: step, at: time)
    }

    /// How numbers are distributed.
    package static func histogram(_ name: String, _ numbers: Histogram, step: Int, at time: Double) -> [UInt8] {
        var message: [UInt8] = []
        for (place, value) in numbers.moments.enumerated() { message += field(UInt8(place + 1), value) }
        message += field(6, packed(numbers.limits))
        message += field(7, packed(numbers.counts))
        return event(name, field(5, message), step: step, at: time)
    }

    /// A picture, as the bytes of a PNG in colour without opacity.
    package static func image(_ name: String, png: [UInt8], step: Int, at time: Double) -> [UInt8] {
        // Width and height are the first numbers of the header, big-endian.
        func extent(_ start: Int) -> Int { png[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let message = integer(1, extent(20)) + integer(2, extent(16)) + integer(3, 3) + field(4, png)
        return event(name, field(4, message), step: step, at: time)
    }

    /// Text in Markdown: a tensor of one string, of the text plug-in.
    package static func text(_ name: String, _ text: String, step: Int, at time: Double) -> [UInt8] {
        // DT_STRING is 7.
        let shape = field(2, integer(1, 1))
        let tensor = integer(1, 7) + field(2, shape) + field(8, Array(text.utf8))
        let metadata = field(1, field(1, Array("text".utf8)))
        return event(name, field(8, tensor) + field(9, metadata), step: step, at: time)
    }

    /// Of a value's field behind its tag.
    private static func event(_ name: String, _ value: [UInt8], step: Int, at time: Double) -> [UInt8] {
        let named = field(1, Array(name.utf8)) + value
        return field(1, time) + integer(2, step) + field(5, field(1, named))
    }

    // MARK: Frames

    /// A frame: the length and its checksum, the bytes and theirs.
    package static func record(_ bytes: [UInt8]) -> [UInt8] {
        let length = littleEndian(UInt64(bytes.count))
        return length + littleEndian(masked(length)) + bytes + littleEndian(masked(bytes))
    }

    /// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in [RFC 3720](https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4).
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0 as UInt32) { crc, byte in table[Int(crc & 255 ^ UInt32(byte))] ^ crc >> 8 }
    }

    /// What a byte does to a checksum.
    private static let table: [UInt32] = (UInt32(0)..<256).map { byte in
        (0..<8).reduce(byte) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    }

    /// Turned and moved, so that a checksum of bytes with a checksum in them is a good one too.
    static func masked(_ bytes: [UInt8]) -> UInt32 {
        let crc = checksum(bytes)
        return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    }

    // MARK: Fields

    private static func field(_ number: UInt8, _ value: Double) -> [UInt8] {
        [number << 3 | 1] + littleEndian(value.bitPattern)
    }

    private static func integer(_ number: UInt8, _ value: Int) -> [UInt8] { [number << 3] + varint(UInt64(value)) }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
    }

    private static func packed(_ values: [Double]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var result: [UInt8] = []
        var rest = value
        while rest >= 128 {
            result.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }

    private static func littleEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

extension TensorBoardEvents {
    /// How numbers are distributed over buckets of equal width.
    package struct Histogram: Hashable, Sendable {
        /// Of the numbers that are finite; of others nothing is counted.
        package let least, largest, count, sum, squares: Double
        /// The same, in the order of their fields.
        var moments: [Double] { [least, largest, count, sum, squares] }

        /// Where buckets end, in rising order.
        package let limits: [Double]
        /// How many numbers are in each.
        package let counts: [Double]

        /// Buckets of a histogram.
        private static let bucketCount = 30

        /// Nil where no number is finite.
        package init?(_ numbers: [Float]) {
            var (least, largest) = (Float.infinity, -Float.infinity)
            var (count, sum, squares) = (0, 0.0, 0.0)
            for number in numbers where number.isFinite {
                least = Swift.min(least, number)
                largest = Swift.max(largest, number)
                count += 1
                sum += Double(number)
                squares += Double(number) * Double(number)
            }
            guard count > 0 else { return nil }
            let start = Double(least)
            // Of numbers that are all the same, the buckets are around them.
            let width = Double(largest) - start
            let step = width > 0 ? width / Double(Histogram.bucketCount) : 1
            let first = width > 0 ? start : start - 0.5
            let bucketCount = width > 0 ? Histogram.bucketCount : 1
            var counts = [Double](repeating: 0, count: bucketCount)
            for number in numbers where number.isFinite {
                counts[Swift.min(Int((Double(number) - first) / step), bucketCount - 1)] += 1
            }
            (self.least, self.largest) = (start, Double(largest))
            (self.count, self.sum, self.squares) = (Double(count), sum, squares)
            limits = (1...bucketCount).map {
                $0 == bucketCount && width > 0 ? Double(largest) : first + Double($0) * step
            }
            self.counts = counts
        }
    }
}
