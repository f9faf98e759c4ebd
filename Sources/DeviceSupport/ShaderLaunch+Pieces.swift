import KernelIR
import Shaders

extension ShaderLaunch {
    /// The launch in pieces whose grids the device can have: itself where it can. The pieces may run side by side.
    ///
    /// The kernel of a piece is told by an argument which workgroup is its first, along each axis that is cut.
    public func pieces(maximumGrid: SIMD3<Int>) -> [ShaderLaunch] {
        let axes = (0..<3).filter { workgroups[$0] > maximumGrid[$0] }
        guard !axes.isEmpty, hasWork else { return [self] }
        var pieces = [self]
        for axis in axes {
            pieces = pieces.flatMap { piece in
                stride(from: 0, to: piece.workgroups[axis], by: maximumGrid[axis]).map { first in
                    var part = piece
                    part.workgroups[axis] = min(maximumGrid[axis], piece.workgroups[axis] - first)
                    part.arguments[Kernel.firstWorkgroup(axis)] = .integer(first)
                    return part
                }
            }
        }
        let build = build
        for number in pieces.indices {
            pieces[number].key.variant += [-1] + axes
            pieces[number].build = { build().numberingWorkgroups(along: axes) }
        }
        return pieces
    }
}
