import CPUKernels
import TensorRuntime

/// What the C kernels and Swift number alike. The numbers alone cross between them, so both sides name what they mean by each,
/// and the CPU is opened only where the names are the same.
package enum CPUNumbering {
    /// One enumeration: each side's names, by number.
    package struct Table {
        package let subject: String
        /// Where C has its list.
        package let place: String
        package let swift: [String]
        package let kernels: [String]

        package init(_ subject: String, place: String, swift: [String], kernels: [String]) {
            self.subject = subject
            self.place = place
            self.swift = swift
            self.kernels = kernels
        }

        fileprivate init(_ subject: String, place: String, swift: [String], _ table: nt_name_table) {
            var kernels: [String] = []
            while let name = nt_name(table, Int32(kernels.count)) { kernels.append(String(cString: name)) }
            self.init(subject, place: "Backends/CPU/CPUKernels/\(place)", swift: swift, kernels: kernels)
        }
    }

    /// The tables of this build. An operation is named with its type rule and arity, a reduction with what it gives, a type
    /// with its size: C's routines rest on those too.
    package static var tables: [Table] {
        [
            Table(
                "pointwise operation", place: "routines.h, NT_POINTWISE",
                swift: names(PointwiseOperation.self) { "\($0.name) \($0.row.rule) \($0.arity)" }, nt_names_pointwise),
            Table(
                "reduction", place: "routines.h, NT_REDUCTIONS",
                swift: names(ReductionOperation.self) { "\($0.name) \($0.yieldsIndex ? "index" : "value")" },
                nt_names_reductions),
            Table(
                "dtype", place: "include/nt_fused.h, NT_DTYPES",
                swift: names(DType.self) { "\($0) \($0.byteCount)" }, nt_names_dtypes),
            Table(
                "level", place: "include/nt_fused.h, NT_LEVELS", swift: names(FusedProgram.Level.self) { "\($0)" },
                nt_names_levels),
            Table(
                "kind of convolution", place: "include/nt_convolution.h, NT_CONVOLUTION_KINDS",
                swift: names(ConvolutionKernel.Kind.self) { "\($0)" }, nt_names_convolutions),
            Table(
                "kind of pooling", place: "include/nt_pooling.h, NT_POOLING_KINDS",
                swift: names(PoolingKernel.Kind.self) { "\($0)" }, nt_names_poolings),
        ]
    }

    /// The names by raw value.
    private static func names<Case: CaseIterable & RawRepresentable>(
        _ type: Case.Type, _ name: (Case) -> String
    ) -> [String] where Case.RawValue == UInt8 {
        let cases = Case.allCases.sorted { $0.rawValue < $1.rawValue }
        // A number that Swift leaves out must not move those behind it.
        var names: [String] = []
        for item in cases {
            while names.count < Int(item.rawValue) { names.append("nothing") }
            names.append(name(item))
        }
        return names
    }

    /// The first number that C and Swift do not mean the same by.
    ///
    /// - Returns: nil where there is none.
    package static func mismatch(in tables: [Table]) -> TensorError? {
        for table in tables {
            for number in 0..<max(table.swift.count, table.kernels.count) {
                let swift = number < table.swift.count ? "'\(table.swift[number])'" : "nothing"
                let kernels = number < table.kernels.count ? "'\(table.kernels[number])'" : "nothing"
                if swift == kernels { continue }
                return TensorError(
                    .internalFault,
                    "cpu: \(table.subject) \(number) is \(swift) in Swift and \(kernels) in the C kernels; make them one "
                        + "in \(table.place)")
            }
        }
        return nil
    }

    /// Once a process: the names of this build do not change.
    private static let fault = mismatch(in: tables)

    /// - Throws: `internalFault` with the first mismatch.
    static func check() throws(TensorError) {
        if let fault { throw fault }
    }
}
