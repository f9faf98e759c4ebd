import NeedletailTraining

extension BenchmarkPage {
    /// What the page is for: a sentence, and a line for each kind of work.
    func addChoice(to report: inout Report) {
        report.section("Take this device")
        let sources = set.ours
        var rows: [[String]] = []
        // The fastest of several, by the kinds of work in which it is that.
        var choices: [(kind: String, best: RowSet.Source)] = []
        for kind in BenchmarkPage.kinds {
            // Devices that did none of it are no choice, and what only one of them did is no comparison.
            let able = sources.filter { !set.common([$0], where: kind.isMeant).isEmpty }
            guard !able.isEmpty else { continue }
            let works = set.common(able, where: kind.isMeant)
            let means = able.compactMap { source in set.mean(works, source).map { (source, $0) } }
            guard let best = means.min(by: { $0.1 < $1.1 }) else {
                let names = able.map(set.name).joined(separator: ", ")
                rows.append([kind.name, "-", "no row that each of these has: \(names)", "0"])
                continue
            }
            let others = means.filter { $0.0 != best.0 }.sorted { $0.1 < $1.1 }
            if !others.isEmpty { choices.append((kind.name, best.0)) }
            let rest = others.map { "\(set.name($0.0)) \(BenchmarkPage.times($0.1 / best.1))" }
            let alone = sources.count > 1 ? "no other did it" : "-"
            rows.append([
                kind.name, set.name(best.0), rest.isEmpty ? alone : rest.joined(separator: ", "), "\(works.count)",
            ])
        }
        if rows.isEmpty { return report.text("These rows hold no training step and no operation.") }
        if sources.count == 1 {
            report.text("Only one device was measured: make a page of the files of several to compare them.")
        } else if choices.isEmpty {
            report.text("No two devices did the same work: run the same commands on each to compare them.")
        } else {
            report.text(verdict(choices))
        }
        report.table(
            ["work", "fastest device", "the others", "rows"], rows,
            caption:
                "Geometric means of the times of those rows (single measurements, counted in the last column) that "
                + "all the devices named have.")
        let software = sources.filter { source in
            set.rows.contains { $0.kind == "software" && RowSet.Source($0) == source }
        }
        guard !software.isEmpty else { return }
        report.text(
            "\(software.map(set.name).joined(separator: ", ")): software, which is this machine's processor behind a "
                + "GPU's interface. Its numbers say nothing of a GPU.")
    }

    /// `Take cpu; but vulkan:0 for matrix products.`
    private func verdict(_ choices: [(kind: String, best: RowSet.Source)]) -> String {
        let kinds = Dictionary(grouping: choices, by: \.best).mapValues { $0.map(\.kind) }
        // The one that is fastest most often, then the others.
        let order = kinds.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        let rest = order.dropFirst().map { "\(set.name($0.key)) for \($0.value.joined(separator: ", "))" }
        let first = set.name(order[0].key)
        return rest.isEmpty
            ? "Take \(first) for all of this work." : "Take \(first); but \(rest.joined(separator: "; "))."
    }

    /// `takes 1.4 times as long`
    private static func times(_ ratio: Double) -> String {
        if ratio < 1.05 { return "is as fast" }
        return String(format: ratio < 10 ? "takes %.1f times as long" : "takes %.0f times as long", ratio)
    }
}
