import Needletail
import Testing

/// Normalisations have a pullback of their own, which takes another way where it is differentiated again.
@Suite struct NormalisationGradientTests {
    private static let checks: [GradientCheck] = [
        check("layer norm", [3, 5]) { LayerNorm(5, dtype: .float64) },
        check("layer norm of two axes", [2, 3, 4]) { LayerNorm([3, 4], dtype: .float64) },
        check("layer norm without weights", [3, 4]) { LayerNorm(4, affine: false, dtype: .float64) },
        check("group norm of two members", [2, 4, 3]) { GroupNorm(2, 4, dtype: .float64) },
        check("group norm of features", [3, 6]) { GroupNorm(2, 6, dtype: .float64) },
        check("instance norm", [2, 2, 5]) { InstanceNorm1d(2, affine: true, dtype: .float64) },
        check("instance norm with statistics", [2, 2, 5]) {
            InstanceNorm1d(2, trackRunningStats: true, dtype: .float64)
        },
        check("batch norm", [4, 3]) { BatchNorm1d(3, dtype: .float64) },
        check("batch norm of images", [2, 2, 3, 2]) { BatchNorm2d(2, dtype: .float64) },
        check("batch norm without statistics", [4, 3]) {
            let layer = BatchNorm1d(3, trackRunningStats: false, dtype: .float64)
            layer.eval()
            return layer
        },
    ]

    /// By the input. The function is not linear in the result, so that its second derivative is of all of the pullback.
    private static func check(
        _ name: String, _ shape: Shape, _ make: @escaping @Sendable () -> any UnaryLayer
    ) -> GradientCheck {
        GradientCheck(name: name, inputs: [GradientCheck.sample(shape)]) { inputs in
            let layer = make()
            return layer(inputs[0]).sin()
        }
    }

    @Test(arguments: checks) func derivativesAreDifferences(_ check: GradientCheck) throws { try check.run() }
}
