import NeedletailTraining

extension BenchmarkPage {
    /// What the page is for: a sentence, and a line for each kind of work.
    func addChoice(to report: inout Report) {
        report.section("Take this device")
        let sources = set.ours
        var rows: [[String]] = []
        var choices: [Choice] = []
        for kind in BenchmarkPage.kinds {
            // Devices that did none of it are no choice, and what only one of them did is no comparison.
            let able = sources.filter { !set.common([$0], where: kind.isMeant).isEmpty }
            guard !able.isEmpty else { continue }
            let works = set.common(able, where: kind.isMeant)
            let means = able.compactMap { source in set.mean(works, source).map { (source, $0) } }
            guard let best = means.min(by: { $0.1 < $1.1 }) else {
                let names = able.map(set.name).joined(separator: ", ")
                choices.append(Choice(kind: kind.name))
                rows.append([kind.name, "-", "no row that each of these has: \(names)", "0"])
                continue
            }
            let others = means.filter { $0.0 != best.0 }.sorted { $0.1 < $1.1 }
            let near = others.filter { BenchmarkPage.isAsFast($0.1 / best.1) }.map(\.0)
            choices.append(Choice(kind: kind.name, best: best.0, near: near, isCompared: !others.isEmpty))
            let rest = others.map { "\(set.name($0.0)) \(BenchmarkPage.times($0.1 / best.1))" }
            let alone = sources.count > 1 ? "no other did it" : "-"
            rows.append([
                kind.name, set.name(best.0), rest.isEmpty ? alone : rest.joined(separator: ", "), "\(works.count)",
            ])
        }
        if rows.isEmpty { return report.text("These rows hold no training step and no operation.") }
        if sources.count == 1 {
            report.text("Only one device was measured: make a page of the files of several to compare them.")
        } else if !choices.contains(where: \.isCompared) {
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

    /// Who is to do a kind of work.
    private struct Choice {
        let kind: String
        /// Nil where those that can do it have no row in common.
        var best: RowSet.Source?
        /// Those that are as fast as the best.
        var near: [RowSet.Source] = []
        /// Whether several did it.
        var isCompared = false

        func suits(_ source: RowSet.Source) -> Bool { source == best || near.contains(source) }
    }

    /// `Take cpu; but vulkan:0 for matrix products.`
    private func verdict(_ choices: [Choice]) -> String {
        let compared = choices.filter(\.isCompared)
        // The one that nothing is faster than most often, and of several the one that is the fastest most often.
        func count(_ source: RowSet.Source) -> (Int, Int) {
            (compared.filter { $0.suits(source) }.count, compared.filter { $0.best == source }.count)
        }
        let leader = set.ours.dropFirst().reduce(set.ours[0]) { count($1) > count($0) ? $1 : $0 }
        let others = Dictionary(grouping: choices.filter { $0.best != nil && !$0.suits(leader) }, by: \.best!)
        // Those with the most kinds of work first.
        var rest = others.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.map { source, choices in
            let kinds = choices.map { $0.isCompared ? $0.kind : "\($0.kind) (no other did it)" }
            return "\(set.name(source)) for \(kinds.joined(separator: ", "))"
        }
        let unknown = choices.filter { $0.best == nil }.map(\.kind)
        if !unknown.isEmpty { rest.append("of \(unknown.joined(separator: ", ")) they have no row in common") }
        return rest.isEmpty
            ? "Take \(set.name(leader)) for all of this work."
            : "Take \(set.name(leader)); but \(rest.joined(separator: "; "))."
    }

    /// Times within a twentieth are alike.
    private static func isAsFast(_ ratio: Double) -> Bool { ratio < 1.05 }

    /// `takes 1.4 times as long`
    private static func times(_ ratio: Double) -> String {
        if isAsFast(ratio) { return "is as fast" }
        return String(format: ratio < 10 ? "takes %.1f times as long" : "takes %.0f times as long", ratio)
    }
}
