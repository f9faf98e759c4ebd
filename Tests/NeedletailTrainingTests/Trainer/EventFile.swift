import Foundation
import NeedletailTraining
import Testing

/// Event files, read by a parser that knows nothing of the writer but the checksums.
enum EventFile {
    /// An event, read by the numbers of its fields.
    struct Event {
        var time = 0.0
        var step = 0
        var version: String?
        var tag: String?
        var scalar: Float?
        var image: (width: Int, height: Int, png: [UInt8])?
        var histogram: [Int: [Double]]?
        var text: String?
        var isStart = false
    }

    private enum Field {
        case integer(Int)
        case bytes([UInt8])

        var bytes: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }
        var integer: Int { if case .integer(let value) = self { value } else { 0 } }
        var doubles: [Double] {
            stride(from: 0, to: bytes.count, by: 8).map { start in
                Double(bitPattern: bytes[start..<(start + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
            }
        }
    }

    /// The fields of a message: varints, and bytes of the others.
    private static func fields(_ message: [UInt8]) throws -> [(number: Int, value: Field)] {
        var result: [(Int, Field)] = []
        var place = 0
        func varint() throws -> Int {
            var (value, shift) = (0, 0)
            while true {
                try #require(place < message.count && shift < 63)
                defer { place += 1 }
                value |= Int(message[place] & 127) << shift
                shift += 7
                if message[place] < 128 { return value }
            }
        }
        func take(_ count: Int) throws -> [UInt8] {
            try #require(count >= 0 && place + count <= message.count)
            defer { place += count }
            return Array(message[place..<(place + count)])
        }
        while place < message.count {
            let key = try varint()
            switch key & 7 {
            case 0: result.append((key >> 3, .integer(try varint())))
            case 1: result.append((key >> 3, .bytes(try take(8))))
            case 2: result.append((key >> 3, .bytes(try take(try varint()))))
            case 5: result.append((key >> 3, .bytes(try take(4))))
            default: Issue.record("wire type \(key & 7)")
            }
        }
        return result
    }

    private static func field(_ number: Int, of message: [UInt8]) throws -> Field? {
        try fields(message).first { $0.number == number }?.value
    }

    private static func event(_ bytes: [UInt8]) throws -> Event {
        var event = Event()
        for (number, value) in try fields(bytes) {
            switch number {
            case 1: event.time = value.doubles[0]
            case 2: event.step = value.integer
            case 3: event.version = String(decoding: value.bytes, as: UTF8.self)
            case 5:
                let parts = try fields(try #require(try field(1, of: value.bytes)).bytes)
                for (number, part) in parts {
                    switch number {
                    case 1: event.tag = String(decoding: part.bytes, as: UTF8.self)
                    case 2: event.scalar = Float(bitPattern: part.bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
                    case 4:
                        let picture = Dictionary(
                            uniqueKeysWithValues: try fields(part.bytes).map { ($0.number, $0.value) })
                        #expect(picture[3]?.integer == 3)
                        event.image = (
                            picture[2]?.integer ?? 0, picture[1]?.integer ?? 0, picture[4]?.bytes ?? []
                        )
                    case 5:
                        event.histogram = Dictionary(
                            uniqueKeysWithValues: try fields(part.bytes).map { ($0.number, $0.value.doubles) })
                    case 8:
                        #expect(try field(1, of: part.bytes)?.integer == 7)
                        event.text = String(decoding: try field(8, of: part.bytes)?.bytes ?? [], as: UTF8.self)
                    case 9:
                        let plugIn = try field(1, of: try field(1, of: part.bytes)?.bytes ?? [])
                        #expect(plugIn?.bytes == Array("text".utf8))
                    default: Issue.record("field \(number) of a value")
                    }
                }
            case 7: event.isStart = try field(1, of: value.bytes)?.integer == 1
            default: Issue.record("field \(number) of an event")
            }
        }
        return event
    }

    /// The events of a file, which holds whole records alone, but for the last one of a file that is torn.
    static func events(_ path: String, isTorn: Bool = false) throws -> [Event] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var result: [Event] = []
        var place = 0
        while place < bytes.count {
            let length = bytes[place..<(place + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
            if isTorn, place + 16 + length > bytes.count { break }
            try #require(place + 16 + length <= bytes.count)
            let record = Array(bytes[(place + 12)..<(place + 12 + length)])
            #expect(TensorBoardEvents.record(record) == Array(bytes[place..<(place + 16 + length)]))
            result.append(try event(record))
            place += 16 + length
        }
        return result
    }
}
