import Foundation
import TensorConformance
import TensorRuntime

/// What came of the catalogue's rows, or of a part of them, on a device. It prints what was left out and why, what did not pass,
/// and how many rows ran.
package struct CatalogueRun {
    /// `NEEDLETAIL_WHOLE_CATALOGUE=1`: all rows run where else a part of every family does.
    package static let isWhole = ProcessInfo.processInfo.environment["NEEDLETAIL_WHOLE_CATALOGUE"] == "1"

    /// Rows that ran and passed.
    package let passed: [ConformanceResult]
    /// Rows that the device has no form for.
    package let left: [ConformanceResult]
    package let wrong: [ConformanceResult]

    package init(_ rows: [ConformanceCase], on device: any Device, suite: ConformanceSuite, title: String) {
        let results = suite.run(device: device, cases: rows)
        passed = results.filter(\.passed)
        left = results.filter { $0.skipReason != nil }
        wrong = results.filter { $0.failure != nil }
        for row in left { print("\(title): left out \(row)") }
        for row in wrong.prefix(40) { print("\(title): \(row)") }
        print("\(title): \(passed.count) rows passed, \(left.count) left out, \(wrong.count) wrong")
    }

    /// A device's rows: all, or every so many of a family, from the offset on.
    package static func rows(
        for device: DeviceDescription, oneIn strides: [KernelFamily: Int], offset: Int = 0
    ) -> [ConformanceCase] {
        let all = ConformanceCatalogue.cases(for: device)
        if isWhole { return all }
        return Dictionary(grouping: all, by: \.family).sorted { $0.key.rawValue < $1.key.rawValue }
            .flatMap { family, rows in
                stride(from: offset, to: rows.count, by: strides[family] ?? 1).map { rows[$0] }
            }
    }
}
