import KernelIR
import TensorRuntime

/// Emits an epilogue, a pointwise program without reductions, where another kernel has its results at hand.
///
/// Its parameters are named `in1`, `out0`, ... with strides `in1_stride0`, ..., and scalars `scalar0`, ...: a kernel has one
/// epilogue, and names of its own that differ from these.
struct EpilogueEmitter {
    /// Declares the epilogue's buffers and arguments in a kernel that is being built.
    init(_ k: KernelBuilder, _ epilogue: FusedKernel) {
        fatalError("not yet")
    }

    /// Runs the program at `coordinates`, one int32 for each dimension of the epilogue's space, and stores its outputs.
    ///
    /// - Parameter result: the value of input 0. A vector covers as many consecutive places of the last dimension, from
    ///   the last coordinate on.
    func emit(_ result: Value, at coordinates: [Value]) {
        fatalError("not yet")
    }

    /// The class of arguments that the emitted code was written for: a part of ``ShaderKey/variant``.
    static func variant(_ epilogue: FusedKernel) -> [Int] { fatalError("not yet") }

    /// Adds the epilogue's buffers and arguments to a launch.
    ///
    /// - Parameter firstOperand: the place among the specification's operands of the epilogue's input 1; its outputs
    ///   follow its inputs.
    static func bind(_ epilogue: FusedKernel, firstOperand: Int, to launch: inout ShaderLaunch) {
        fatalError("not yet")
    }
}
