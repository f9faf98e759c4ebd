import Foundation
import TensorRuntime

/// The factorisations of [LAPACK](https://www.netlib.org/lapack/) in an opened BLAS library, as OpenBLAS has them.
struct LAPACK: FactorizationLibrary, @unchecked Sendable {
    // Safety: the pointers are set once, and the functions behind them may be called from any thread.

    private typealias Size = UnsafePointer<Int32>
    private typealias Text = UnsafePointer<CChar>
    private typealias Numbers = UnsafeMutablePointer<Double>
    private typealias Integers = UnsafeMutablePointer<Int32>

    private let dgetrf: @convention(c) (Size, Size, Numbers, Size, Integers, Integers) -> Void
    private let dpotrf: @convention(c) (Text, Size, Numbers, Size, Integers, Int) -> Void
    private let dgeqrf: @convention(c) (Size, Size, Numbers, Size, Numbers, Numbers, Size, Integers) -> Void
    private let dorgqr: @convention(c) (Size, Size, Size, Numbers, Size, Numbers, Numbers, Size, Integers) -> Void
    private let dsyevd:
        @convention(c) (
            Text, Text, Size, Numbers, Size, Numbers, Numbers, Size, Integers, Size, Integers, Int, Int
        ) -> Void
    private let dgesdd:
        @convention(c) (
            Text, Size, Size, Numbers, Size, Numbers, Numbers, Size, Numbers, Size, Numbers, Size, Integers, Integers,
            Int
        ) -> Void

    /// nil where the library lacks one.
    init?(_ library: UnsafeMutableRawPointer) {
        func find(_ name: String) -> UnsafeMutableRawPointer? { dlsym(library, name) }
        guard let getrf = find("dgetrf_"), let potrf = find("dpotrf_"), let geqrf = find("dgeqrf_"),
            let orgqr = find("dorgqr_"), let syevd = find("dsyevd_"), let gesdd = find("dgesdd_")
        else { return nil }
        dgetrf = unsafeBitCast(getrf, to: (@convention(c) (Size, Size, Numbers, Size, Integers, Integers) -> Void).self)
        dpotrf = unsafeBitCast(potrf, to: (@convention(c) (Text, Size, Numbers, Size, Integers, Int) -> Void).self)
        dgeqrf = unsafeBitCast(
            geqrf, to: (@convention(c) (Size, Size, Numbers, Size, Numbers, Numbers, Size, Integers) -> Void).self)
        dorgqr = unsafeBitCast(
            orgqr, to: (@convention(c) (Size, Size, Size, Numbers, Size, Numbers, Numbers, Size, Integers) -> Void).self
        )
        dsyevd = unsafeBitCast(
            syevd,
            to: (@convention(c) (
                Text, Text, Size, Numbers, Size, Numbers, Numbers, Size, Integers, Size, Integers, Int, Int
            ) -> Void).self)
        dgesdd = unsafeBitCast(
            gesdd,
            to: (@convention(c) (
                Text, Size, Size, Numbers, Size, Numbers, Numbers, Size, Numbers, Size, Numbers, Size, Integers,
                Integers,
                Int
            ) -> Void).self)
    }

    /// Calls a routine twice: first for the length of the workspace that it wants, then with that.
    private static func withWorkspace(_ body: (Numbers, Int32) -> Int32) -> Bool {
        var wanted = 0.0
        guard body(&wanted, -1) == 0, wanted >= 0, wanted < 0x1p31 else { return false }
        var work = [Double](repeating: 0, count: Swift.max(Int(wanted), 1))
        return work.withUnsafeMutableBufferPointer { body($0.baseAddress!, Int32($0.count)) } == 0
    }

    func lu(_ matrix: [Double], _ n: Int) -> (factors: [Double], pivots: [Int32])? {
        var factors = matrix
        var pivots = [Int32](repeating: 0, count: n)
        let size = Int32(n)
        var info: Int32 = 0
        dgetrf([size], [size], &factors, [size], &pivots, &info)
        // Above 0, a pivot is 0: the factors are there.
        return info >= 0 ? (factors, pivots) : nil
    }

    func cholesky(_ matrix: [Double], _ n: Int) -> [Double]? {
        var factors = matrix
        let size = Int32(n)
        var info: Int32 = 0
        dpotrf("U", [size], &factors, [size], &info, 1)
        return info == 0 ? factors : nil
    }

    func qr(_ matrix: [Double], _ m: Int, _ n: Int) -> (q: [Double], packed: [Double])? {
        var packed = matrix
        let k = Swift.min(m, n)
        var factors = [Double](repeating: 0, count: k)
        let (rows, columns, count) = (Int32(m), Int32(n), Int32(k))
        let isMade = LAPACK.withWorkspace { work, length in
            var info: Int32 = 0
            dgeqrf([rows], [columns], &packed, [rows], &factors, work, [length], &info)
            return info
        }
        guard isMade else { return nil }
        var q = Array(packed[..<(m * k)])
        let isFormed = LAPACK.withWorkspace { work, length in
            var info: Int32 = 0
            dorgqr([rows], [count], [count], &q, [rows], &factors, work, [length], &info)
            return info
        }
        return isFormed ? (q, packed) : nil
    }

    func eigh(_ matrix: [Double], _ n: Int) -> (values: [Double], vectors: [Double])? {
        var vectors = matrix
        var values = [Double](repeating: 0, count: n)
        let size = Int32(n)
        // What the routine's page asks for, with vectors.
        var integers = [Int32](repeating: 0, count: 3 + 5 * n)
        let integerLength = Int32(integers.count)
        let isMade = LAPACK.withWorkspace { work, length in
            var info: Int32 = 0
            dsyevd(
                "V", "U", [size], &vectors, [size], &values, work, [length], &integers, [integerLength], &info, 1, 1)
            return info
        }
        return isMade ? (values, vectors) : nil
    }

    func svd(_ matrix: [Double], _ m: Int, _ n: Int) -> (u: [Double], s: [Double], vt: [Double])? {
        var a = matrix
        let k = Swift.min(m, n)
        var s = [Double](repeating: 0, count: k)
        var u = [Double](repeating: 0, count: m * k)
        var vt = [Double](repeating: 0, count: k * n)
        let (rows, columns, count) = (Int32(m), Int32(n), Int32(k))
        var integers = [Int32](repeating: 0, count: 8 * k)
        let isMade = LAPACK.withWorkspace { work, length in
            var info: Int32 = 0
            dgesdd(
                "S", [rows], [columns], &a, [rows], &s, &u, [rows], &vt, [count], work, [length], &integers, &info, 1)
            return info
        }
        return isMade ? (u, s, vt) : nil
    }
}

extension CPUDevice: FactorizingDevice {
    package var factorizations: (any FactorizationLibrary)? {
        // A library that is named and cannot be opened was refused when the device was opened.
        do throws(TensorError) { return try blas?.library.lapack } catch { return nil }
    }
}
