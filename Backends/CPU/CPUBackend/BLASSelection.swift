import CPUKernels
import TensorRuntime

/// Says by measurement whether a BLAS library or the own kernels compute a product.
///
/// Nothing is chosen by the name of a processor or a library: a library may take kernels for an older processor (Debian 12's
/// OpenBLAS takes SSE3's on a Sapphire Rapids). Both are timed once for each class of sizes, when the first product of that
/// class is made, on one thread: the pool gives either the same tiles, so that the answer does not depend on the number of
/// threads. What was measured is kept for the process, and in a file for those that come later. The choice changes the last
/// bits of a product, but never within a process.
package final class BLASSelection: Sendable {
    /// Products for which one measurement stands. Smaller ones than these are always the own kernels'.
    package enum SizeClass: String, Codable, Sendable, CaseIterable {
        /// More than about 890 cubed.
        case float32
        /// Up to 128 cubed.
        case smallFloat64
        case largeFloat64
    }

    /// Nanoseconds that the same product took.
    package struct Times: Codable, Hashable, Sendable {
        package var own: Int
        package var library: Int

        package init(own: Int, library: Int) {
            self.own = own
            self.library = library
        }
    }

    /// Times a product of a class; nil where it cannot be timed.
    package typealias Measurement = @Sendable (SizeClass) -> Times?

    private let file: BLASTimesFile?
    private let measure: Measurement
    private let known = Lock<[SizeClass: Bool]>([:])

    /// - Parameters:
    ///   - identity: all that times depend on, a text.
    ///   - directory: where times are kept; nil keeps them for the process alone.
    package init(identity: String, directory: String?, measure: @escaping Measurement) {
        file = directory.map { BLASTimesFile(directory: $0, identity: identity) }
        self.measure = measure
    }

    /// Whether the library is faster for products of this class. The first call for a class may measure: tens of
    /// milliseconds at most.
    package func prefersLibrary(for sizeClass: SizeClass) -> Bool {
        known.withLock { known in
            if let answer = known[sizeClass] { return answer }
            let answer = times(of: sizeClass).map { $0.library < $0.own } ?? false
            known[sizeClass] = answer
            return answer
        }
    }

    private func times(of sizeClass: SizeClass) -> Times? {
        if let kept = file?.read()[sizeClass] { return kept }
        guard let measured = measure(sizeClass) else { return nil }
        file?.add(measured, of: sizeClass)
        return measured
    }

    // MARK: One for a process

    private static let shared = Lock<[String: BLASSelection]>([:])

    /// The selection between `library` and the own kernels of an instruction set: one a process, whatever devices there
    /// are, so that the bits of a product are the same on each.
    static func shared(_ library: BLAS, _ instructionSet: nt_isa, directory: String?) -> BLASSelection {
        let identity = identity(of: library, instructionSet)
        return shared.withLock { selections in
            if let made = selections[identity] { return made }
            let made = BLASSelection(identity: identity, directory: directory) { sizeClass in
                BLASMeasurement.times(of: sizeClass, library: library, instructionSet: instructionSet)
            }
            selections[identity] = made
            return made
        }
    }

    /// To be raised when the own kernels change their speed: what was measured before counts no more.
    private static let generation = 1

    static func identity(of library: BLAS, _ instructionSet: nt_isa) -> String {
        "kernels \(generation), instruction set \(instructionSet.rawValue)\n\(CPUSystem.processorIdentity)\n"
            + library.identity
    }
}

extension BLASSelection.SizeClass {
    /// The class of a product `[m, k] x [k, n]` that a library may compute.
    init(_ dtype: DType, m: Int, n: Int, k: Int) {
        let isSmall = Double(m) * Double(n) * Double(k) <= 0x1p21
        self = dtype == .float32 ? .float32 : isSmall ? .smallFloat64 : .largeFloat64
    }
}
