import CPUKernels
import Foundation
import TensorRuntime

/// A BLAS library opened at run time. It is asked for one thread per call: the device's pool splits the work.
///
/// A process without one uses the built-in products; which products a library computes is measured (``BLASSelection``).
final class BLAS: @unchecked Sendable {
    // Safety: the pointers are set once, and the functions behind them may be called from any thread.

    /// The file that was opened.
    let path: String
    /// What the library's speed depends on: the file and its version, and for OpenBLAS the core that its kernels are for.
    let identity: String
    let sgemm: nt_sgemm
    let dgemm: nt_dgemm
    /// Its factorisations, where it has them.
    let lapack: LAPACK?

    private init(path name: String) throws(TensorError) {
        // Never closed: OpenBLAS does not survive its own unloading while threads exist.
        guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
            throw BLAS.failure(name, dlerror().map { String(cString: $0) } ?? "it cannot be opened")
        }
        guard let sgemm = dlsym(library, "cblas_sgemm"), let dgemm = dlsym(library, "cblas_dgemm") else {
            throw BLAS.failure(name, "it has no cblas_sgemm and cblas_dgemm")
        }
        if BLAS.text(library, "openblas_get_config").contains("USE64BITINT") {
            throw BLAS.failure(name, "its integers have 64 bits, not 32")
        }
        self.sgemm = unsafeBitCast(sgemm, to: nt_sgemm.self)
        self.dgemm = unsafeBitCast(dgemm, to: nt_dgemm.self)
        lapack = LAPACK(library)
        if let setThreads = dlsym(library, "openblas_set_num_threads") {
            unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
        }
        path = BLAS.file(of: sgemm) ?? name
        let texts = ["openblas_get_config", "openblas_get_corename"].map { BLAS.text(library, $0) }
        identity = ([path, BLAS.version(of: path)] + texts).joined(separator: "\n")
    }

    private static func failure(_ name: String, _ reason: String) -> TensorError {
        let reason = reason.split(separator: "\n").joined(separator: " ")
        return TensorError(
            .invalidArgument,
            "NEEDLETAIL_BLAS: '\(name)' is no BLAS library: \(reason); name a library with cblas_sgemm, or none")
    }

    /// The file that a function comes from, as the system has mapped it: a library's name may stand for any of several.
    private static func file(of function: UnsafeMutableRawPointer) -> String? {
        let address = UInt(bitPattern: function)
        let maps = FileManager.default.contents(atPath: "/proc/self/maps") ?? Data()
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            // begin-end permissions offset device inode path
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let range = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard range.count == 2, range[0] <= address, address < range[1] else { continue }
            return fields.count == 6 ? fields[5].trimmingCharacters(in: .whitespaces) : nil
        }
        return nil
    }

    /// The file's length and time, by which a library that was replaced is another one.
    private static func version(of path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        return "\(status.st_size) bytes of \(status.st_mtim.tv_sec)"
    }

    /// What one of OpenBLAS's functions without arguments says; empty where the library has none of that name.
    private static func text(_ library: UnsafeMutableRawPointer, _ name: String) -> String {
        typealias Function = @convention(c) () -> UnsafePointer<CChar>?
        guard let function = dlsym(library, name) else { return "" }
        return unsafeBitCast(function, to: Function.self)().map { String(cString: $0) } ?? ""
    }

    private static let opened = Lock<[String: Result<BLAS, TensorError>]>([:])

    /// The library that a configuration asks for: nil stands for the system's OpenBLAS, `none` for no library.
    ///
    /// - Throws: `invalidArgument` where a library is named that cannot be opened or is none. The system's may be missing.
    static func open(_ configured: String?) throws(TensorError) -> BLAS? {
        if configured == "none" { return nil }
        let path = configured ?? "libopenblas.so.0"
        let result = opened.withLock { libraries in
            if let known = libraries[path] { return known }
            let library = Result { () throws(TensorError) in try BLAS(path: path) }
            libraries[path] = library
            return library
        }
        guard configured == nil else { return try result.get() }
        if case .success(let library) = result { return library }
        return nil
    }
}
