/// Dense factorisations in Double that a library computes for the host's small linear algebra, one matrix at a time. Matrices are
/// column-major, and their elements finite.
///
/// A result of nil means that the library did not come to one: the caller's own code has the word then.
package protocol FactorizationLibrary: Sendable {
    /// `P A = L U` of `[n, n]`: both triangles packed, and the row, from 1, that each row was exchanged with.
    func lu(_ matrix: [Double], _ n: Int) -> (factors: [Double], pivots: [Int32])?
    /// The upper triangle U of `A = U^T U`, from A's upper triangle; the other triangle stays as it was.
    func cholesky(_ matrix: [Double], _ n: Int) -> [Double]?
    /// `A = Q R` of `[m, n]`: Q with `min(m, n)` columns, and `[m, n]` with R in its upper triangle.
    func qr(_ matrix: [Double], _ m: Int, _ n: Int) -> (q: [Double], packed: [Double])?
    /// The eigenvalues, ascending, and the eigenvectors as columns, from a symmetric matrix's upper triangle.
    func eigh(_ matrix: [Double], _ n: Int) -> (values: [Double], vectors: [Double])?
    /// `A = U diag(S) V^T` of `[m, n]`: U `[m, k]`, S and V^T `[k, n]`, k the smaller extent.
    func svd(_ matrix: [Double], _ m: Int, _ n: Int) -> (u: [Double], s: [Double], vt: [Double])?
}

/// A device beside whose memory a library of factorisations is open.
package protocol FactorizingDevice: Device {
    /// nil where there is none.
    var factorizations: (any FactorizationLibrary)? { get }
}
