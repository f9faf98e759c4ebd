import KernelIR
import TensorRuntime

/// What of Vulkan's optional features a module may use.
package struct SPIRVTarget: Sendable {
    /// `shaderInt64`, `shaderFloat16` and `shaderFloat64`, `storageBuffer8BitAccess` and `storageBuffer16BitAccess` (arithmetic
    /// on such integers is never needed), basic subgroup operations in compute shaders.
    package var features: KernelFeatures
    /// The arithmetic operations of subgroups and the shuffles.
    package var subgroupArithmetic = false
    package var subgroupShuffle = false
    /// `shaderSignedZeroInfNanPreserveFloat32` and `...Float64` of VK_KHR_shader_float_controls.
    package var preservesSignedZeroInfNan32 = false
    package var preservesSignedZeroInfNan64 = false

    package init(_ features: KernelFeatures = []) { self.features = features }

    /// Lanes of the widest vector in SPIR-V for shaders.
    package static let maximumVectorLanes = 4
}

/// A kernel as SPIR-V, and where a launch's parameters go.
///
/// Everything is in descriptor set 0. Buffer `i` of the kernel is the storage buffer of binding `i`; behind them stands the
/// *parameter block*: a storage buffer that the host writes before each launch.
package struct SPIRVModule: Hashable, Sendable {
    /// Where a number lies in the parameter block.
    package struct Parameter: Hashable, Sendable {
        package var byteOffset: Int
        /// 4 or 8. A bool is a word, 0 or 1; a float16 the low half of one.
        package var byteCount: Int

        /// Writes a number's lowest bytes into a parameter block.
        package func write(_ bits: UInt64, to block: UnsafeMutableRawPointer) {
            if byteCount == 8 {
                block.storeBytes(of: bits.littleEndian, toByteOffset: byteOffset, as: UInt64.self)
            } else {
                let word = UInt32(truncatingIfNeeded: bits).littleEndian
                block.storeBytes(of: word, toByteOffset: byteOffset, as: UInt32.self)
            }
        }
    }

    package static let entryPoint = "main"

    package var words: [UInt32] = []
    /// By the kernel's arguments: their bits, as ``LegalizedKernel/argumentBits(_:offsets:)`` gives them.
    package var arguments: [Parameter] = []
    /// By the kernel's buffers: an int32, the element of the bound range that has index 0; of a far buffer, whose binding
    /// is not used, the address of that element.
    package var offsets: [Parameter] = []
    /// Bytes of the parameter block; 0 where the kernel has no parameters and the block no binding.
    package var parameterByteCount = 0
}
