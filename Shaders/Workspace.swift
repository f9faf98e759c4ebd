import TensorRuntime

/// Memory for partial results, handed out one piece after the other, each aligned for vectors.
struct Workspace {
    private(set) var byteCount = 0

    /// The byte offset of memory for some elements.
    mutating func reserve(_ count: Int, _ dtype: DType) -> Int {
        let offset = byteCount
        byteCount += (max(count, 1) * dtype.byteCount + 63) / 64 * 64
        return offset
    }

    mutating func take(_ count: Int, _ dtype: DType) -> ShaderLaunch.Buffer {
        .workspace(byteOffset: reserve(count, dtype))
    }
}
