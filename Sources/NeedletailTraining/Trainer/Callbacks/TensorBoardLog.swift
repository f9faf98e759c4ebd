import Foundation
import Needletail
import TensorRuntime

/// Writes losses, metrics and learning rates for [TensorBoard](https://www.tensorflow.org/tensorboard), a point for each epoch:
/// `tensorboard --logdir runs` shows the run in `runs/a`.
///
/// The file is written as ``CSVLog``'s is, whole or not at all. It takes the place of the one before, so a TensorBoard that keeps
/// its files open (as its fast loader does) has to be started anew to see new epochs.
public final class TensorBoardLog: TrainingCallback {
    private let path: String
    /// When each epoch ended, in seconds since 1970; the first is when training began.
    private var times: [Double] = []

    /// - Parameter directory: of the run; made where it is missing.
    public init(_ directory: String) { path = "\(directory)/events.out.tfevents.0.needletail" }

    public func fitBegin(_ trainer: Trainer) throws {
        try HistoryFile.prepare(path)
        // Of epochs before this callback was there, the time is now.
        let count = trainer.history.epochs.count + 1
        times = Array(times.prefix(count))
        times += Array(repeating: Date().timeIntervalSince1970, count: count - times.count)
        try write(trainer.history)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        times.append(Date().timeIntervalSince1970)
        try write(trainer.history)
    }

    private func write(_ history: History) throws(TensorError) {
        var events = [TensorBoardEvents.version(at: times[0])]
        for (place, epoch) in history.epochs.enumerated() {
            let time = times[place + 1]
            let rate = Scores(["learning_rate": epoch.learningRate])
            for entry in epoch.scores.entries + rate.entries {
                events.append(
                    TensorBoardEvents.scalar(entry.name, Float(entry.value), step: epoch.number, at: time))
            }
        }
        try AtomicFile.write(events.map { TensorBoardEvents.record($0) }, to: path)
    }

    public func state() -> CallbackState { CallbackState(numbers: ["times": times]) }
    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        times = state.numbers["times"] ?? []
    }
}

/// What TensorBoard's event files are made of: the messages `Event` and `Summary` of
/// [event.proto](https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto), of which a scalar needs
/// six fields, in the frames of [TFRecord](https://www.tensorflow.org/tutorials/load_data/tfrecord).
package enum TensorBoardEvents {
    /// The event that a file begins with.
    package static func version(at time: Double) -> [UInt8] {
        field(1, time) + field(3, Array("brain.Event:2".utf8))
    }

    /// A number under a name, at a step.
    package static func scalar(_ name: String, _ value: Float, step: Int, at time: Double) -> [UInt8] {
        let number = field(1, Array(name.utf8)) + [2 << 3 | 5] + littleEndian(value.bitPattern)
        return field(1, time) + [2 << 3] + varint(UInt64(step)) + field(5, field(1, number))
    }

    /// A frame: the length and its checksum, the bytes and theirs.
    package static func record(_ bytes: [UInt8]) -> [UInt8] {
        let length = littleEndian(UInt64(bytes.count))
        return length + littleEndian(masked(length)) + bytes + littleEndian(masked(bytes))
    }

    /// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in [RFC 3720](https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4).
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
    }

    /// Turned and moved, so that a checksum of bytes with a checksum in them is a good one too.
    private static func masked(_ bytes: [UInt8]) -> UInt32 {
        let crc = checksum(bytes)
        return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    }

    private static func field(_ number: UInt8, _ value: Double) -> [UInt8] {
        [number << 3 | 1] + littleEndian(value.bitPattern)
    }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
    }

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
