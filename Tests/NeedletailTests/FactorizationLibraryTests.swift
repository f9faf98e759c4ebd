import CPUBackend
import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Factorisations by the library that the processor's products may be computed by, against the own code: equal, signs included.
@Suite struct FactorizationLibraryTests {
    /// What `body` makes on a device with a library, or without.
    private static func run(_ blas: String?, _ body: () throws -> [[Double]]) throws -> [[Double]] {
        var configuration = RuntimeConfiguration()
        configuration.blas = blas
        let device = try CPUBackend().open(index: 0, configuration: configuration)
        let context = try DeviceContext(device: device)
        return try withDeviceContext(context) { () throws(any Error) in try body() }
    }

    private static var hasLibrary: Bool {
        guard let device = try? CPUBackend().open(index: 0, configuration: RuntimeConfiguration()) else { return false }
        return (device as? any FactorizingDevice)?.factorizations != nil
    }

    private static func sample(_ rows: Int, _ columns: Int, seed: UInt64) -> Tensor {
        Tensor(sampleNumbers(rows * columns, seed: seed).map(Double.init), shape: [rows, columns])
    }

    private static func numbers(_ tensors: Tensor...) throws -> [[Double]] {
        try tensors.map { try $0.scalars(as: Double.self) }
    }

    @Test(
        .enabled(if: hasLibrary, "there is no BLAS library with factorisations here"),
        arguments: [(24, 24), (40, 40), (40, 25), (25, 40)])
    func libraryAndOwnCodeAgree(_ rows: Int, _ columns: Int) throws {
        // What the library refuses, the own code makes: compared with itself it would agree.
        let device = try CPUBackend().open(index: 0, configuration: RuntimeConfiguration())
        let functions = try #require((device as? any FactorizingDevice)?.factorizations)
        let sample = sampleNumbers(rows * columns, seed: 3).map(Double.init)
        #expect(functions.qr(sample, rows, columns) != nil && functions.svd(sample, rows, columns) != nil)
        if rows == columns {
            let unit = (0..<rows * rows).map { $0 % (rows + 1) == 0 ? 1.0 : 0.0 }
            #expect(functions.lu(sample, rows) != nil && functions.eigh(sample, rows) != nil)
            #expect(functions.cholesky(unit, rows) != nil)
        }
        func all() throws(any Error) -> [[Double]] {
            let x = Self.sample(rows, columns, seed: 3)
            let (q, r) = x.qr()
            let (u, s, vt) = x.svd()
            var found = try Self.numbers(q, r, u, s, vt, x.pinv())
            guard rows == columns else { return found }
            let unit = Tensor.eye(rows, dtype: .float64)
            let (values, vectors) = (x + x.T).eigh()
            let (lu, pivots) = x.luFactor()
            found += try Self.numbers(
                values, vectors, lu, pivots.to(.float64), x.det(), x.slogdet().logAbsDet, x.inverse(),
                x.solve(Self.sample(rows, 3, seed: 4)), (x.matmul(x.T) + unit).cholesky())
            return found
        }
        let (library, own) = (try Self.run(nil, all), try Self.run("none", all))
        #expect(library.count == own.count)
        let tolerance = GoldenTolerance(relative: 1e-7, absolute: 1e-9, normalizedSquare: 1e-16)
        for (index, (a, b)) in zip(library, own).enumerated() { expectGolden(a, b, "result \(index)", tolerance) }
    }

    @Test(.enabled(if: hasLibrary, "there is no BLAS library with factorisations here"))
    func singularAndIndefiniteMatricesAreTheSameErrors() throws {
        for blas in [nil, "none"] {
            _ = try Self.run(blas) { () throws(any Error) in
                let ones = Tensor.ones([30, 30], dtype: .float64)
                expectError(.invalidArgument, containing: "inverse: a matrix is singular") { () throws(TensorError) in
                    try ones.inverse().bytes()
                }
                expectError(.invalidArgument, containing: "cholesky: a matrix is not positive") {
                    () throws(TensorError) in try (ones * -1).cholesky().bytes()
                }
                #expect(try ones.det().item() == 0)
                let (u, s, vt) = ones.svd()
                #expect(try (u * s).matmul(vt).allClose(ones, relative: 1e-10, absolute: 1e-11))
                return []
            }
        }
    }
}
