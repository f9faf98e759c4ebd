import KernelIR
import TensorRuntime

extension ShaderLaunch {
    /// The launch's kernel as a device can run it: built, checked, and written anew where the device lacks narrow or wide
    /// integers or wide vectors.
    ///
    /// - Throws: `unsupported` where the kernel needs what the device lacks; `deviceFailure` where the kernel is wrong.
    public func kernel(for target: ShaderTarget) throws(TensorError) -> LegalizedKernel {
        do throws(KernelError) {
            return try build().legalized(for: target.kernelTarget)
        } catch {
            throw TensorError(error.kind == .target ? .unsupported : .deviceFailure, error.description)
        }
    }
}
