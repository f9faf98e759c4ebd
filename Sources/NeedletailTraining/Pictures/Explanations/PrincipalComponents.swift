import Foundation
import Needletail
import TensorGraph
import TensorRuntime

/// The directions in which rows of data differ most, and the data seen along them.
///
/// Source: Halko et al., [Finding structure with randomness](https://arxiv.org/abs/0909.4061), 2011, as
/// [torch.pca_lowrank](https://pytorch.org/docs/stable/generated/torch.pca_lowrank.html) does it; small data exactly.
///
/// The data may be on any device, and the results are there too. Matrices are factored on the host: of data that are more than 64
/// wide and high, ones of a few columns are copied there and back, of others the data once.
public struct PrincipalComponents: Sendable {
    /// The mean of all rows, `[features]`.
    public let mean: Tensor
    /// The directions as rows, `[count, features]`, each of length 1, the most important first. Its largest element is
    /// positive, so that pictures are the same each time.
    public let components: Tensor
    /// The share of each direction in the data's variance.
    public let explainedShare: [Double]

    /// The components of `data`.
    ///
    /// - Parameters:
    ///   - data: a row for each example, `[n, features]`, or `[n, ...]`, which is flattened.
    ///   - count: how many directions; at most the smaller extent.
    ///   - generator: what draws the directions to begin with, where the data are large.
    /// - Throws: as evaluation.
    public init(
        of data: Tensor, count: Int = 2, generator: Generator? = nil, file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) {
        let rows = data.rank > 0 ? data.shape[0] : 0
        let features = rows > 0 ? data.elementCount / rows : 0
        guard data.rank >= 2, count > 0, count <= min(rows, features) else {
            let error = TensorError(
                .invalidArgument,
                "PrincipalComponents: \(count) components of data \(data.shape); pass [n, features] with at least as "
                    + "many of both"
            )
            WrongCall.report(error, at: CallSite(file, line))
            throw error
        }
        let isWide = data.dtype == .float64 || data.dtype == .float32
        let flat = withNoGrad { (isWide ? data : data.to(.float32)).reshape([rows, features]).detach() }
        let mean = flat.mean(axes: 0)
        let centered = flat - mean
        var basis = centered
        if min(rows, features) > 64 {
            // A few directions more than asked for, sharpened by going through the data three times.
            let width = min(count + 8, min(rows, features))
            let start = withDeviceContext(flat.context) {
                Tensor.normal([features, width], dtype: flat.dtype, generator: generator)
            }
            var range = try PrincipalComponents.orthonormal(centered.matmul(start))
            for _ in 0..<3 {
                let back = try PrincipalComponents.orthonormal(centered.T.matmul(range))
                range = try PrincipalComponents.orthonormal(centered.matmul(back))
                try range.evaluate()
            }
            basis = range.T.matmul(centered)
        }
        let (_, s, vt) = try PrincipalComponents.onHost(basis).svd()
        let total = try Double(centered.square().sum().to(.float32).item(as: Float.self))
        let values = try s.to(.float32).scalars(as: Float.self).prefix(count).map(Double.init)
        explainedShare = values.map { total > 0 ? $0 * $0 / total : 0 }
        let directions = vt[0..<count]
        let largest = directions.abs().argmax(1, keepDims: true)
        let signs = directions.gather(axis: 1, index: largest).sign()
        components = try PrincipalComponents.copy(directions * signs, to: flat.context)
        self.mean = mean
        try components.evaluate()
    }

    /// Columns of length 1, at right angles, that span what these do.
    private static func orthonormal(_ columns: Tensor) throws(TensorError) -> Tensor {
        try copy(try onHost(columns).qr().q, to: columns.context)
    }

    private static func onHost(_ tensor: Tensor) throws(TensorError) -> Tensor {
        tensor.device == .cpu ? tensor : try copy(tensor, to: try deviceContext(.cpu))
    }

    private static func copy(_ tensor: Tensor, to context: DeviceContext) throws(TensorError) -> Tensor {
        if tensor.context === context { return tensor }
        let bytes = try tensor.bytes()
        return withDeviceContext(context) { Tensor(bytes: bytes, shape: tensor.shape, dtype: tensor.dtype) }
    }

    /// The data along the components, `[n, count]`; its features are those of the data that were looked at.
    public func callAsFunction(_ data: Tensor) -> Tensor {
        let rows = data.shape[0]
        let flat = data.reshape([rows, data.elementCount / max(rows, 1)]).to(mean.dtype)
        return (flat - mean).matmul(components.T)
    }
}

extension Chart {
    /// A picture of vectors in two dimensions, by their ``PrincipalComponents``; the vectors may be on any device.
    ///
    /// - Parameters:
    ///   - vectors: `[n, features]`, or `[n, ...]`, which is flattened.
    ///   - classes: each vector's class, for its colour; `names` are the classes' names.
    ///   - labels: text beside each vector.
    /// - Throws: as evaluation.
    public static func embedding(
        _ vectors: Tensor, classes: [Int] = [], names: [String] = [], labels: [String] = [], title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Chart {
        let components = try PrincipalComponents(of: vectors, file: file, line: line)
        let places = try components(vectors).plotted().values
        let x = stride(from: 0, to: places.count, by: 2).map { places[$0] }
        let y = stride(from: 1, to: places.count, by: 2).map { places[$0] }
        let shares = components.explainedShare.map { NumberText.fixed($0 * 100, 0) }
        let chart = Chart(
            title, x: "1st component (\(shares[0]) %)", y: "2nd component (\(shares[1]) %)")
        if classes.isEmpty { return chart.scatter(x: x, y: y, labels: labels, file: file, line: line) }
        return chart.scatter(x: x, y: y, classes: classes, names: names, file: file, line: line)
    }
}
