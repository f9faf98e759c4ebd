import KernelIR
import TensorRuntime

/// How one launch walks over its space: with the stage's code and the accesses' classes, all that its kernel depends on.
struct FusedForm: Hashable, Sendable {
    /// What the lanes of vectors are, or on GPUs the work-items of a workgroup.
    enum Lanes: Int, Hashable, Sendable {
        /// Neighbours along the last inner dimension, which together make a row.
        case inner
        /// Neighbours along the last outer dimension, each a row of its own.
        case outer
    }

    var deviceClass: ShaderTarget.DeviceClass
    var lanes: Lanes
    /// Lanes of vectors.
    var width: Int
    /// Work-items of a workgroup.
    var team: Int
    /// The inner dimension that is cut into parts, if one is. A workgroup of lanes along the inner dimensions cuts their
    /// elements, numbered in order, and this is the first.
    var cutDimension: Int?
    /// Whether the launch also does what comes after all rows: it is then one workgroup.
    var makesTotals: Bool
    /// The inner dimension along whose runs float32 sums are made, each added to a total that keeps what rounding loses;
    /// nil where one lane adds so little that it needs none. For a workgroup on each row it is the first inner dimension,
    /// which stands for all of them.
    var blockDimension: Int?

    var variant: [Int] {
        [
            deviceClass == .gpu ? 1 : 0, lanes.rawValue, width, team, cutDimension ?? -1, makesTotals ? 1 : 0,
            blockDimension ?? -1,
        ]
    }
}
