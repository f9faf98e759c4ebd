import KernelIR
import TensorRuntime

/// Emits an epilogue, a pointwise program without reductions, where another kernel has its results at hand.
///
/// Its parameters are named `in1`, `out0`, ... with strides `in1_stride0`, ..., and scalars `scalar0`, ...: a kernel has one
/// epilogue, and names of its own that differ from these.
struct EpilogueEmitter {
    private let k: KernelBuilder
    private let emitter: StepEmitter
    private let program: FusedProgram

    /// Makes ready to emit an epilogue in a kernel that is being built. Buffers and arguments are declared when they are
    /// first used.
    init(_ k: KernelBuilder, _ epilogue: FusedKernel) {
        self.k = k
        program = epilogue.program.roundingEachStep
        let rank = epilogue.extents.rank
        emitter = StepEmitter(
            k, program, rank: rank, outerRank: rank, classes: EpilogueEmitter.classes(epilogue))
    }

    /// Runs the program at `coordinates`, one int32 for each dimension of the epilogue's space, and stores its outputs.
    ///
    /// - Parameter result: the value of input 0. A vector covers as many consecutive places of the last dimension, from
    ///   the last coordinate on.
    func emit(_ result: Value, at coordinates: [Value]) {
        let indexScalar = emitter.classes.indexScalar
        var scope = StepEmitter.Scope(
            coordinates: coordinates.map { $0.convert(to: indexScalar) }, width: result.type.width)
        for (number, step) in program.steps.enumerated() {
            guard case .load(input: 0) = step.operation else { continue }
            scope.values[number] =
                step.dtype.isShortFloat ? CastEmitter(k: k).cast(result, from: .float32, to: step.dtype) : result
        }
        // Everything is read before anything is written: an output may lie in an input's buffer.
        let values = program.outputs.map { emitter.value($0.value, in: &scope) }
        for (output, value) in values.enumerated() { emitter.store(output: output, value, in: scope) }
    }

    private static func classes(_ epilogue: FusedKernel) -> AccessClasses {
        let rank = epilogue.extents.rank
        var classes = AccessClasses(epilogue, laneDimension: rank == 0 ? nil : rank - 1)
        // Input 0 has no place.
        if !classes.inputs.isEmpty { classes.inputs[0] = .zero }
        return classes
    }

    /// The class of arguments that the emitted code was written for: a part of ``ShaderKey/variant``.
    static func variant(_ epilogue: FusedKernel) -> [Int] { classes(epilogue).variant }

    /// Adds the epilogue's buffers and arguments to a launch.
    ///
    /// - Parameter firstOperand: the place among the specification's operands of the epilogue's input 1; its outputs
    ///   follow its inputs.
    static func bind(_ epilogue: FusedKernel, firstOperand: Int, to launch: inout ShaderLaunch) {
        let operands = (1..<epilogue.operandCount).map { ShaderLaunch.Buffer.operand(firstOperand + $0 - 1) }
        launch.bind(epilogue, operands: [nil] + operands)
    }
}
