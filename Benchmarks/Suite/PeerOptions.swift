import ArgumentParser
import Foundation

/// What `compare --peer` is asked. Options that were not given are nil, so that one which would change nothing can be refused.
struct PeerOptions: ParsableArguments {
    @Option(help: "What is compared with a peer: op, layers or train (default: op).") var what: PeerWork?
    @Option(help: "Only operations or layers whose name contains this.") var filter: String?
    @Option(help: "Models of train, separated by commas (default: mlp,mlp-small).") var model: String?
    @Option(help: "Images in a step of train, several numbers separated by commas (default: 64).") var batch: String?
    @Option(help: "Data types of op, separated by commas (default: float32).") var dtype: String?
    @Option(
        help:
            "Threads of the peer, and of this program on the CPU (default: NEEDLETAIL_THREADS, or what the CPU takes).")
    var threads: Int?
    @Option(help: "Turns of each (default: 3).") var rounds: Int?
    @Option(help: "The share of rows that are not to be slower than the peer's (default: 0.9).") var share: Double?
    @Option(help: "Where the peer's scripts are; setup.sh there installs the frameworks (default: Benchmarks/Peers).")
    var peers: String?
    @Option(
        help:
            "A file for all rows of both, for needletail-bench page; they stand in FILE.partial after each program's turn."
    )
    var output: String?
    @Option(help: "The device of this program (default: cpu).") var device: String?
    @Option(help: "Seconds for the samples of a row of op or layers (default: 0.5).") var seconds: Double?

    /// An option's name, whether it was given, and the work that it is for; nil is all.
    private var table: [(name: String, isGiven: Bool, works: [PeerWork]?)] {
        [
            ("--what", what != nil, nil), ("--filter", filter != nil, [.op, .layers]),
            ("--model", model != nil, [.train]), ("--batch", batch != nil, [.train]),
            ("--dtype", dtype != nil, [.op]), ("--threads", threads != nil, nil), ("--rounds", rounds != nil, nil),
            ("--share", share != nil, nil), ("--peers", peers != nil, nil), ("--output", output != nil, nil),
            ("--device", device != nil, nil), ("--seconds", seconds != nil, [.op, .layers]),
        ]
    }

    /// Those that were given.
    var given: [String] { table.filter(\.isGiven).map(\.name) }

    var work: PeerWork { what ?? .op }

    /// What each program is told beside its name for the work, the round and the threads.
    var arguments: [String] {
        switch work {
        case .train: ["--model", model ?? "mlp,mlp-small", "--batch", batch ?? "64"]
        case .layers: sampling
        case .op: sampling + ["--dtype", dtype ?? "float32"]
        }
    }

    private var sampling: [String] { ["--seconds", "\(seconds ?? 0.5)"] + (filter.map { ["--filter", $0] } ?? []) }

    /// - Throws: a usage error for what cannot be, or would change nothing.
    func validateUse(beside peer: Peer) throws {
        if !peer.works.contains(work) {
            let works = peer.works.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("compare: \(peer.rawValue) has no \(work.rawValue); give --what \(works)")
        }
        for option in table where option.isGiven && !(option.works ?? PeerWork.allCases).contains(work) {
            throw ValidationError("compare: \(option.name) does nothing for --what \(work.rawValue); leave it out")
        }
        // As both programs take them: none of the peers has `all`.
        for (name, text) in [("--dtype", dtype), ("--model", model)] where text == "all" {
            throw ValidationError("\(name) all: a peer has no such list; name them, separated by commas")
        }
        if let dtype { _ = try OperationCommand.dtypes(dtype) }
        if let model { _ = try BenchmarkModel.list(model) }
        if let batch { _ = try Numbers.list(batch, option: "--batch") }
        if let rounds, rounds < 1 { throw ValidationError("--rounds \(rounds): give at least 1") }
        if let threads, threads < 1 { throw ValidationError("--threads \(threads): give at least 1") }
        if let share, !(0...1).contains(share) { throw ValidationError("--share \(share): give a number of 0 to 1") }
        if let seconds, !(seconds > 0 && seconds.isFinite) {
            throw ValidationError("--seconds \(seconds): give a number above 0")
        }
    }
}

/// Frameworks that a user would pick instead.
enum Peer: String, CaseIterable, ExpressibleByArgument {
    case torch
    case torchCompile = "torch-compile"
    case jax, tinygrad

    /// Whether its threads are as many as its processors, and nothing else says how many.
    var isKeptToProcessors: Bool { self == .jax || self == .tinygrad }

    /// What Benchmarks/Peers has of it.
    var works: [PeerWork] { self == .torch || self == .jax ? PeerWork.allCases : [.train] }
}

/// Commands that peers have too.
enum PeerWork: String, CaseIterable, ExpressibleByArgument { case op, layers, train }
