import ArgumentParser
import TensorRuntime

/// What of a list of cases a command line asks for.
package struct OperationSelection {
    var filter: String?
    var family: OperationFamily?
    var isQuick = false

    package init(filter: String? = nil, family: OperationFamily? = nil, isQuick: Bool = false) {
        self.filter = filter
        self.family = family
        self.isQuick = isQuick
    }

    /// The cases that are meant.
    ///
    /// - Throws: a usage error where there are none, which says what left none.
    package func cases(of all: [OperationCase]) throws -> [OperationCase] {
        let asked = [filter.map { "--filter \"\($0)\"" }, family.map { "--family \($0.rawValue)" }].compactMap { $0 }
        let named = all.filter { test in
            (filter.map { test.name.contains($0) } ?? true) && (family.map { $0 == test.family } ?? true)
        }
        if named.isEmpty {
            throw ValidationError(
                "\(asked.joined(separator: " ")): no case is of these; see needletail-bench op --list")
        }
        let meant = named.filter { !(isQuick && $0.isLarge) }
        if meant.isEmpty {
            throw ValidationError(
                "--quick: all that is of \(asked.joined(separator: " ")) is large (\(named.count) cases); leave --quick out"
            )
        }
        return meant
    }

    /// Each case with each data type that both it and the device take, and what is to be said of data types that none is timed in.
    package static func work(
        _ cases: [OperationCase], _ dtypes: [DType], on device: String, having available: Set<DType>
    ) -> (work: [(test: OperationCase, dtype: DType)], leftOut: [String]) {
        var work: [(test: OperationCase, dtype: DType)] = []
        var leftOut: [String] = []
        for dtype in dtypes {
            let meant = cases.filter { $0.dtypes.contains(dtype) }
            if !available.contains(dtype) {
                leftOut.append("\(dtype) is left out: \(device) has no kernels for it")
            } else if meant.isEmpty {
                leftOut.append(
                    "\(dtype) is left out: none of the cases asked for is timed in it; see needletail-bench op --list")
            } else {
                work += meant.map { ($0, dtype) }
            }
        }
        return (work, leftOut)
    }

    /// What to throw where a command wrote no row.
    static func nothing(_ command: String) -> BenchmarkFailure {
        BenchmarkFailure(
            "\(command): no row was measured, for the reasons above; ask for other cases, data types or devices")
    }
}
