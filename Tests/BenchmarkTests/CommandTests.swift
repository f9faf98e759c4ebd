import Foundation
import NeedletailBench
import TestSupport
import Testing

/// `needletail-bench` as a process.
@Suite(.serialized) struct CommandTests {
    private func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(
            arguments, environment: environment, program: NeedletailTool.program("needletail-bench"))
    }

    private func rows(_ text: String) throws -> [BenchmarkRow] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(BenchmarkRow.self, from: Data($0.utf8)) }
    }

    private func rows(of path: String) throws -> [BenchmarkRow] {
        try rows(String(contentsOfFile: path, encoding: .utf8))
    }

    /// An option that would change nothing is named and refused.
    @Test(arguments: [
        (["a.jsonl", "b.jsonl", "--threads", "2"], "--threads is for --peer"),
        (["a.jsonl", "b.jsonl", "--filter", "gelu"], "--filter is for --peer"),
        (["--peer", "torch", "--what", "train", "--filter", "gelu"], "--filter does nothing for --what train"),
        (["--peer", "torch", "--what", "train", "--seconds", "1"], "--seconds does nothing for --what train"),
        (["--peer", "torch", "--model", "cnn"], "--model does nothing for --what op"),
        (["--peer", "torch", "--what", "layers", "--dtype", "float16"], "--dtype does nothing for --what layers"),
        (["--peer", "torch", "--dtype", "float32,float64"], "'float64' is none of float32, float16, bfloat16"),
        (["--peer", "torch", "--dtype", "all"], "--dtype all: a peer has no such list"),
        (["--peer", "torch", "--what", "train", "--model", "mlp,vgg"], "'vgg' is none of mlp,"),
        (["--peer", "torch", "--what", "train", "--batch", "64,0"], "'0' is no number of at least 1"),
        (["--peer", "torch", "--threads", "0"], "--threads 0: give at least 1"),
        (["--peer", "tinygrad"], "tinygrad has no op; give --what train"),
        (["a.jsonl", "--peer", "torch"], "two files or --peer, not both"),
        (["a.jsonl"], "give two files, or --peer"),
    ])
    func optionsWithoutUseAreRefused(_ arguments: [String], _ message: String) throws {
        let result = try run(["compare"] + arguments)
        #expect(result.code == 64 && result.errors.contains(message), "\(result)")
    }

    /// A stand-in for a framework: a row of the work and the threads that it was asked for; in its second turn it does what `second` says.
    private func peer(in place: TemporaryDirectory, second: String = "") throws {
        place.write(
            #"""
            #!/usr/bin/env bash
            echo "$@" >>"$(dirname "$0")/asked"
            while (($#)); do
                case "$1" in processors) echo 0 && exit ;; --threads) threads="$2" ;; --round) round="$2" ;; esac
                shift
            done
            if ((round == 1)); then :; \#(second)
            fi
            echo '{"framework": "torch", "suite": "op", "op": "gelu 10000", "dtype": "float32", "device": "cpu", "driver": "torch 0",' \
                '"threads": '"$threads"', "round": '"$round"', "first_us": 1, "samples_us": [1, 2], "host_us": 0, "launches": 0,' \
                '"warnings": []}'
            """#, to: "peer")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.path("peer"))
    }

    private func compare(
        _ place: TemporaryDirectory, _ more: [String], _ environment: [String: String] = [:], peer: String = "torch"
    ) throws -> NeedletailTool.Result {
        try run(
            [
                "compare", "--peer", peer, "--filter", "gelu 10000", "--seconds", "0.001", "--rounds", "2",
                "--share", "0", "--peers", place.path, "--output", place.path("rows.jsonl"),
            ] + more, environment)
    }

    /// By the option, or by the variable that this program's own threads are set by.
    @Test(arguments: [true, false])
    func bothGetTheThreadsThatWereAskedFor(_ isOption: Bool) throws {
        let place = TemporaryDirectory()
        try peer(in: place)
        let result =
            try isOption
            ? compare(place, ["--threads", "1"], ["NEEDLETAIL_THREADS": "2"])
            : compare(place, [], ["NEEDLETAIL_THREADS": "1"])
        // A guard of time may fail a row on a busy machine.
        #expect(
            result.code == 0 && result.output.contains("1 rows, geometric mean")
                || result.output.contains("FAILED: gelu"),
            "\(result)")
        let rows = try rows(of: place.path("rows.jsonl"))
        #expect(rows.map(\.framework) == ["torch", "needletail", "needletail", "torch"])
        #expect(rows.map(\.threads) == [1, 1, 1, 1] && Set(rows.map(\.machine)).count == 1 && rows[0].machine != nil)
        let asked = try String(contentsOfFile: place.path("asked"), encoding: .utf8)
        #expect(
            asked.split(separator: "\n").first
                == "op --round 0 --seconds 0.001 --filter gelu 10000 --dtype float32 --framework torch --threads 1")
    }

    /// A peer that has a thread for each processor, and this program, are kept to the same ones; PyTorch is told its threads.
    @Test func bothHaveTheProcessorsThatAPeerIsKeptTo() throws {
        let place = TemporaryDirectory()
        try peer(in: place)
        place.write(
            #"""
            #!/usr/bin/env bash
            echo "$@" >>"$(dirname "$0")/kept"
            shift 2
            exec "$@"
            """#, to: "taskset")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.path("taskset"))
        let path = "\(place.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
        _ = try compare(place, ["--threads", "1"], ["PATH": path])
        #expect(!place.contents.contains("kept"))
        _ = try compare(place, ["--threads", "1"], ["PATH": path], peer: "jax")
        let kept = try String(contentsOfFile: place.path("kept"), encoding: .utf8).split(separator: "\n")
        #expect(kept.count == 2 && kept.allSatisfy { $0.hasPrefix("-c 0 ") && $0.contains(" op --round ") }, "\(kept)")
    }

    /// Before the peer's first turn; a peer that is told its threads needs none.
    @Test func whatKeepsToProcessorsIsAskedForFirst() throws {
        let place = TemporaryDirectory()
        try peer(in: place)
        let result = try compare(place, ["--threads", "1"], ["PATH": place.path], peer: "jax")
        #expect(result.code != 0 && result.errors.contains("install util-linux"), "\(result)")
        #expect(place.contents == ["peer"])
    }

    /// What files 1 and 2 are is said by the paths that were given.
    @Test func thePageNamesItsFiles() throws {
        let place = TemporaryDirectory()
        let files = try ["a.jsonl", "b.jsonl"].map { place.write(try RowTests.row().json() + "\n", to: $0) }
        let page = place.path("page.html")
        let result = try run(["page"] + files + ["--output", page])
        #expect(result.code == 0, "\(result)")
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.contains("Files: file 1 is \(files[0]), file 2 is \(files[1])."))
    }

    @Test func whatWasMeasuredBeforeAPeerBrokeIsKept() throws {
        let place = TemporaryDirectory()
        try peer(in: place, second: "exit 3")
        let result = try compare(place, [])
        #expect(result.code != 0 && result.errors.contains("ended with 3"), "\(result)")
        #expect(!place.contents.contains("rows.jsonl"))
        #expect(
            try rows(of: place.path("rows.jsonl.partial")).map(\.framework) == ["torch", "needletail", "needletail"])
    }

    @Test func rowsOfTwoMachinesAreNotCompared() throws {
        let place = TemporaryDirectory()
        let files = try ["here", "there"].map { machine in
            var row = RowTests.row()
            row.machine = machine
            return place.write(try row.json() + "\n", to: machine)
        }
        let result = try run(["compare"] + files)
        #expect(result.code == 65 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("measured on here, the other on there"), "\(result)")
        #expect(try run(["compare", files[0], files[0]]).code == 2)
    }

    /// Nothing fits into no time: the file and the page are there, what is left out is named.
    @Test func allWritesItsFilesInTheEnd() throws {
        let place = TemporaryDirectory()
        let result = try run([
            "all", "--device", "cpu", "--quick", "--minutes", "1e-9", "--output", place.path("cpu"),
        ])
        #expect(result.code == 0 && place.contents == ["cpu.html", "cpu.jsonl"], "\(result)")
        for name in ["copy 64 MiB float32", "gelu 10000 bfloat16", "summed losses 125 float32", "fast98 float32"] {
            #expect(result.errors.contains("left out for want of time: \(name)\n"), "\(name)")
        }
    }

    /// What is killed leaves the rows that it had made, and the last run's file as it was.
    @Test func allThatIsKilledLeavesItsRows() throws {
        let place = TemporaryDirectory()
        let last = place.write("the last run", to: "cpu.jsonl")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(NeedletailTool.program("needletail-bench")))
        process.arguments = ["all", "--device", "cpu", "--quick", "--seconds", "0.005", "--output", place.path("cpu")]
        process.standardError = FileHandle.nullDevice
        try process.run()
        func lines() -> [Substring] {
            let text = try? String(contentsOfFile: "\(last).partial", encoding: .utf8)
            return text?.split(separator: "\n") ?? []
        }
        while process.isRunning && lines().count < 3 { usleep(10_000) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        let left = try rows(lines().joined(separator: "\n"))
        #expect(left.count >= 3 && left.prefix(3).map(\.name) == ["matmul 512", "matmul 512", "matmul 512"])
        #expect(try String(contentsOfFile: last, encoding: .utf8) == "the last run")
        #expect(place.contents == ["cpu.jsonl", "cpu.jsonl.partial"])
    }

    /// A child that cannot start is a row; the program ends with 1 after all others.
    @Test func aStartThatBreaksIsARow() throws {
        let result = try run(
            ["start", "--model", "mlp-small,mlp", "--starts", "1", "--device", "cpu", "--json"],
            ["TMPDIR": "/proc/none"])
        let rows = try rows(result.output)
        #expect(result.code == 1 && rows.map(\.name) == ["mlp-small start", "mlp start"], "\(result)")
        #expect(rows.allSatisfy { $0.failure != nil && $0.suite == "start" && $0.device == "cpu" })
        #expect(result.errors.contains("2 of 2 rows failed"), "\(result)")
    }

    @Test func startsLeaveNothingBehind() throws {
        let place = TemporaryDirectory()
        let result = try run(
            ["start", "--model", "mlp-small", "--starts", "1", "--device", "cpu", "--json"], ["TMPDIR": place.path])
        #expect(result.code == 0, "\(result)")
        let names = try rows(result.output).map(\.name)
        #expect(
            names
                == ["cold", "warm"].flatMap { kind in
                    ["whole process of 3 steps", "device and model", "first step", "later step"].map {
                        "mlp-small \(kind) \($0)"
                    }
                })
        #expect(place.contents.isEmpty, "\(place.contents)")
    }

    /// All that the runtime and drivers keep is where a start can be cold.
    @Test func startsKeepTheirCachesInOnePlace() {
        let environment = StartMeasurement.environment(cachesIn: "/place")
        for name in [
            "NEEDLETAIL_CACHE", "MESA_SHADER_CACHE_DIR", "MESA_GLSL_CACHE_DIR", "POCL_CACHE_DIR", "CUDA_CACHE_PATH",
            "XDG_CACHE_HOME",
        ] {
            #expect(environment[name]?.hasPrefix("/place/") == true, "\(name)")
        }
        #expect(environment.values.allSatisfy { $0.hasPrefix("/place/") })
    }

    @Test func emissionsOfTheProcessorAreRefused() throws {
        let result = try run(["emission", "--device", "cpu"])
        #expect(result.code == 64 && result.errors.contains("writes no kernels; name a device such as vulkan:0"))
    }

    @Test(.enabled(if: OpenCLTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_OPENCL is set"))
    func emissionsAreRows() throws {
        let result = try run(
            ["emission", "--device", "opencl", "--model", "mlp-small,mlp", "--batch", "4", "--json"])
        let rows = try rows(result.output)
        #expect(result.code == 0, "\(result)")
        #expect(
            rows.map(\.name)
                == ["mlp-small", "mlp"].flatMap { model in
                    ["made", "written"].map { "\(model) batch 4, kernels \($0)" }
                })
        for row in rows {
            #expect(row.suite == "emission" && row.samples.count == 3 && row.samples.allSatisfy { $0 > 0 })
            #expect(row.axis == "programs" && row.place! > 5 && row.launches > 5, "\(row)")
        }
    }

    @Test func launchesOfAnOperationAreListed() throws {
        let result = try run(["launches", "--device", "cpu", "--filter", "sum 10000", "--count", "2"])
        let lines = result.output.split(separator: "\n")
        #expect(result.code == 0 && lines.first == "sum 10000: 1 dispatches", "\(result)")
        #expect(lines.count == 2 && lines[1].contains(" us  sum  fused"), "\(result)")
        let none = try run(["launches", "--device", "cpu", "--filter", "nothing of that name"])
        #expect(none.code != 0 && none.output.isEmpty, "\(none)")
    }

    /// What a broken device throws in each command is rows.
    @Test func aTrainingThatThrowsIsARow() throws {
        let result = try run(
            [
                "train", "--device", "cpu", "--model", "mlp-small", "--batch", "4", "--threads", "100000,1", "--steps",
                "1", "--json",
            ])
        let rows = try rows(result.output)
        #expect(result.code == 1 && rows.map(\.threads) == [100_000, 1], "\(result)")
        #expect(rows.map(\.name) == ["mlp-small batch 4", "mlp-small batch 4"])
        #expect(rows[0].failure?.contains("100000 threads") == true && !rows[1].samples.isEmpty)
        #expect(result.errors.contains("of 2 rows failed"), "\(result)")
    }
}
