import CPUKernels
import Foundation
import Synchronization

/// A BLAS library opened at run time. It is asked for one thread per call: the device's pool splits the work.
///
/// A process without one uses the built-in products.
final class BLAS: @unchecked Sendable {
    // Safety: the pointers are set once, and the functions behind them may be called from any thread.

    let path: String
    let sgemm: nt_sgemm
    let dgemm: nt_dgemm

    private init?(path: String) {
        // Never closed: OpenBLAS does not survive its own unloading while threads exist.
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL), let sgemm = dlsym(library, "cblas_sgemm"),
            let dgemm = dlsym(library, "cblas_dgemm")
        else { return nil }
        self.path = path
        self.sgemm = unsafeBitCast(sgemm, to: nt_sgemm.self)
        self.dgemm = unsafeBitCast(dgemm, to: nt_dgemm.self)
        if let setThreads = dlsym(library, "openblas_set_num_threads") {
            unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
        }
    }

    private static let opened = Mutex<[String: BLAS?]>([:])

    /// The library that a configuration asks for: nil stands for the system's OpenBLAS, `none` for no library.
    static func open(_ configured: String?) -> BLAS? {
        if configured == "none" { return nil }
        let path = configured ?? "libopenblas.so.0"
        return opened.withLock { libraries in
            if let known = libraries[path] { return known }
            let library = BLAS(path: path)
            libraries[path] = .some(library)
            return library
        }
    }
}
