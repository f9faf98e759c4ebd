import Foundation
import TensorRuntime

/// What `needletail devices --measure` found on this machine, kept in the cache beside the tuning tables: the order in which
/// `auto` takes devices, in place of the one by their kinds and memory.
///
/// It counts where it knows every accelerator that is there, with its driver: what was measured of other devices or drivers
/// says nothing.
package struct MeasuredOrder: Codable, Equatable, Sendable {
    private struct Row: Codable, Equatable {
        let device: String
        let name: String
        let driver: String
        /// Nil for one that could not be measured.
        let gigaflops: Double?
    }

    private static let currentVersion = 1
    private let version: Int
    private let rows: [Row]

    /// - Parameter measured: every device that was found, and billions of operations in a second; nil for one that could not
    ///   be measured.
    package init(_ measured: [(device: DeviceDescription, gigaflops: Double?)]) {
        version = MeasuredOrder.currentVersion
        rows = measured.map { device, gigaflops in
            Row(device: "\(device.id)", name: device.name, driver: device.driver, gigaflops: gigaflops)
        }
    }

    private func row(of device: DeviceDescription) -> Row? {
        rows.first { $0.device == "\(device.id)" && $0.name == device.name && $0.driver == device.driver }
    }

    /// What was measured of a device; nil for one that could not be, or that is not known.
    package func gigaflops(of device: DeviceDescription) -> Double? { row(of: device)?.gigaflops }

    /// Whether the CPU and each accelerator is known, of whichever backend.
    package func applies(to devices: [DeviceDescription]) -> Bool {
        devices.allSatisfy { $0.kind == .software || row(of: $0) != nil }
    }

    /// The fastest first, and last what could not be measured; equals stay in order.
    func sorted(_ devices: [DeviceDescription]) -> [DeviceDescription] {
        devices.enumerated()
            .sorted { a, b in
                let x = gigaflops(of: a.element) ?? -1
                let y = gigaflops(of: b.element) ?? -1
                return x != y ? x > y : a.offset < b.offset
            }
            .map(\.element)
    }

    // MARK: Its file

    /// Where it is kept; nil where nothing is.
    package static func file(in configuration: RuntimeConfiguration) -> URL? {
        configuration.cacheDirectory.map { URL(fileURLWithPath: $0).appendingPathComponent("devices/measured.json") }
    }

    /// What is kept; nil where nothing is.
    ///
    /// - Throws: `file` where there is something that cannot be read.
    package static func kept(in configuration: RuntimeConfiguration) throws(TensorError) -> MeasuredOrder? {
        guard let file = file(in: configuration), FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            let found = try JSONDecoder().decode(MeasuredOrder.self, from: Data(contentsOf: file))
            // One of another version is as one of other devices.
            return found.version == currentVersion ? found : nil
        } catch {
            throw TensorError(
                .file,
                "\(file.path) is no measurement that can be read; run `needletail devices --measure` anew, or with --forget"
            )
        }
    }

    /// Replaces what is kept, in one step.
    ///
    /// - Returns: the file.
    /// - Throws: `file` where nothing can be kept.
    package func keep(in configuration: RuntimeConfiguration) throws(TensorError) -> URL {
        guard let file = MeasuredOrder.file(in: configuration) else {
            throw TensorError(.file, "the measurement is not kept: NEEDLETAIL_CACHE is none")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try encoder.encode(self).write(to: file, options: .atomic)
        } catch {
            throw TensorError(
                .file, "the measurement is not kept: \(file.path) cannot be written: \(error.localizedDescription)")
        }
        return file
    }

    /// Removes what is kept.
    ///
    /// - Returns: the file; nil where there was none.
    /// - Throws: `file` where it cannot be removed.
    package static func forget(in configuration: RuntimeConfiguration) throws(TensorError) -> URL? {
        guard let file = file(in: configuration), FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            try FileManager.default.removeItem(at: file)
        } catch {
            throw TensorError(.file, "\(file.path) cannot be removed: \(error.localizedDescription)")
        }
        return file
    }
}
