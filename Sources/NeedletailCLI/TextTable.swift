/// Rows of text with aligned columns.
enum TextTable {
    /// A line a row. Nothing stands behind the last column.
    static func lines(_ rows: [[String]]) -> [String] {
        guard let first = rows.first else { return [] }
        let widths = first.indices.dropLast().map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let padded = zip(row, widths).map { $0 + String(repeating: " ", count: max($1 - $0.count, 0)) }
            return (padded + row.suffix(1)).joined(separator: "  ")
        }
    }
}
