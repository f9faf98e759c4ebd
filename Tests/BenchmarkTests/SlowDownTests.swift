import Foundation
import TestSupport
import Testing

/// `slow-down.sh` by its parts.
@Suite struct SlowDownTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private func run(_ arguments: [String]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(arguments, program: "/usr/bin/env")
    }

    /// A tree, a compiler and a program that are none: what is built where, and what is left.
    @Test func theSlowerCopyIsMadeAnewAndRemoved() throws {
        let place = TemporaryDirectory()
        let kernels = "Backends/CPU/CPUKernels"
        for folder in ["tree/Benchmarks", "tree/\(kernels)", "bin", "slow/copy"] {
            try FileManager.default.createDirectory(atPath: place.path(folder), withIntermediateDirectories: true)
        }
        for file in [
            "Benchmarks/slow-down.sh", "Benchmarks/slow-down.patch", "Benchmarks/compare-runs.sh",
            "\(kernels)/fused_run.c",
        ] {
            try FileManager.default.copyItem(atPath: "\(Self.root)/\(file)", toPath: place.path("tree/\(file)"))
        }
        place.write(
            #"""
            #!/usr/bin/env bash
            build="$PWD/.build" package="$PWD"
            while (($#)); do
                case "$1" in --package-path) package="$2" ;; --scratch-path) build="$2" ;; esac
                shift
            done
            mkdir -p "$build/release"
            cp "$(dirname "$0")/bench" "$build/release/needletail-bench"
            cmp -s "$package/Backends/CPU/CPUKernels/fused_run.c" "$PWD/Backends/CPU/CPUKernels/fused_run.c" ||
                touch "$build/release/slow"
            echo "$(ls -A "$package" | tr '\n' ' ')in $build" >>"$BUILT"
            """#, to: "bin/swift")
        place.write(
            #"""
            #!/usr/bin/env bash
            if [[ "$1" == compare ]]; then
                verdict=equal
                cmp -s "$2" "$3" || verdict=slower
                printf '| gelu 1048576 float32 | cpu | 1.05 | 10 | 0.002 | %s |\n\ngeometric mean of the ratios 1\n' "$verdict"
                [[ "$verdict" == equal ]]
            else
                [[ -e "$(dirname "$0")/slow" ]] && echo slow || echo good
            fi
            """#, to: "bin/bench")
        for name in ["bin/swift", "bin/bench"] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.path(name))
        }
        place.write("", to: "tree/gone.txt")
        #expect(try run(["git", "-C", place.path("tree"), "init", "-q"]).code == 0)
        #expect(try run(["git", "-C", place.path("tree"), "add", "."]).code == 0)
        try FileManager.default.removeItem(atPath: place.path("tree/gone.txt"))
        place.write(".build/\n", to: "tree/.gitignore")
        func slowDown() throws -> NeedletailTool.Result {
            try run(
                [
                    "-C", place.path, "LC_ALL=C", "PATH=\(place.path("bin")):/usr/local/bin:/usr/bin:/bin",
                    "BUILT=\(place.path("built"))",
                    "\(place.path("tree"))/Benchmarks/slow-down.sh", "2", "6", "slow",
                ])
        }
        // The folder is one of where the script was called. One that the script did not make is not touched.
        place.write("mine", to: "slow/copy/stale.txt")
        #expect(try slowDown().code == 64)
        #expect(FileManager.default.fileExists(atPath: place.path("slow/copy/stale.txt")))
        // One that it did make, and was killed in, is.
        place.write("", to: "slow/of-slow-down.sh")
        for _ in 0..<2 {
            let result = try slowDown()
            #expect(result.code == 0, "\(result)")
            #expect(
                result.output.contains("found in 2 of 2; one program called different from itself in 0 of 2"),
                "\(result)")
            let left = TemporaryDirectory.names(place.path("slow"))
            #expect(left == ["build", "of-slow-down.sh"], "\(left)")
        }
        let built = try String(contentsOfFile: place.path("built"), encoding: .utf8).split(separator: "\n")
        let own = ".build .git .gitignore Backends Benchmarks in \(place.path("tree/.build"))"
        let copy = ".gitignore Backends Benchmarks in \(place.path("slow/build"))"
        #expect(built.map(String.init).suffix(3) == [copy, own, copy] && built.count == 4, "\(built)")
    }

    /// A program that ends with 1 has a row that failed, or it broke.
    @Test(arguments: [(1, #"{"failure":"it was not computed"}"#, 0), (1, "{}", 70), (3, #"{"failure":"lost"}"#, 70)])
    func aRunThatBrokeEndsTheComparison(_ code: Int, _ row: String, _ wanted: Int) throws {
        let place = TemporaryDirectory()
        let program = place.write(
            """
            #!/usr/bin/env bash
            [[ "$1" == compare ]] && exec cat "$2" "$3"
            echo '\(row)'
            exit \(code)
            """, to: "bench")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        let result = try run(["\(Self.root)/Benchmarks/compare-runs.sh", program, program, "1", "op"])
        #expect(Int(result.code) == wanted, "\(result)")
        #expect(result.output == (wanted == 0 ? "\(row)\n\(row)\n" : ""), "\(result)")
        #expect(result.errors.contains("ended with \(code)") == (wanted != 0), "\(result)")
    }
}
