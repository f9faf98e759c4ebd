import KernelIR
import TensorRuntime

/// What of Vulkan's optional features a module may use.
package struct SPIRVTarget: Hashable, Sendable {
    /// `shaderInt64`, `shaderFloat16` and `shaderFloat64`.
    package var int64: Bool
    package var float16: Bool
    package var float64: Bool
    /// `storageBuffer8BitAccess` and `storageBuffer16BitAccess`. Arithmetic on such integers is never needed.
    package var storage8: Bool
    package var storage16: Bool
    /// Subgroup operations in compute shaders: the basic ones, the arithmetic ones and the shuffles.
    package var subgroupBasic: Bool
    package var subgroupArithmetic: Bool
    package var subgroupShuffle: Bool
    /// `shaderSignedZeroInfNanPreserveFloat32` and `...Float64` of VK_KHR_shader_float_controls.
    package var preservesSignedZeroInfNan32: Bool
    package var preservesSignedZeroInfNan64: Bool

    package init(
        int64: Bool = false, float16: Bool = false, float64: Bool = false, storage8: Bool = false,
        storage16: Bool = false, subgroupBasic: Bool = false, subgroupArithmetic: Bool = false,
        subgroupShuffle: Bool = false, preservesSignedZeroInfNan32: Bool = false,
        preservesSignedZeroInfNan64: Bool = false
    ) {
        self.int64 = int64
        self.float16 = float16
        self.float64 = float64
        self.storage8 = storage8
        self.storage16 = storage16
        self.subgroupBasic = subgroupBasic
        self.subgroupArithmetic = subgroupArithmetic
        self.subgroupShuffle = subgroupShuffle
        self.preservesSignedZeroInfNan32 = preservesSignedZeroInfNan32
        self.preservesSignedZeroInfNan64 = preservesSignedZeroInfNan64
    }

    /// Lanes of the widest vector in SPIR-V for shaders.
    package static let maximumVectorLanes = 4

    /// The same as the kernels' validator knows it.
    package var features: KernelFeatures {
        var result: KernelFeatures = []
        if int64 { result.insert(.int64) }
        if float16 { result.insert(.float16) }
        if float64 { result.insert(.float64) }
        if storage8 { result.insert(.storage8) }
        if storage16 { result.insert(.storage16) }
        if subgroupBasic { result.insert(.subgroups) }
        return result
    }
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
