import TensorRuntime

extension ExecutionStatistics {
    /// The counts between two snapshots; byte figures are the later one's.
    public static func - (later: ExecutionStatistics, earlier: ExecutionStatistics) -> ExecutionStatistics {
        later.since(earlier)
    }
}
