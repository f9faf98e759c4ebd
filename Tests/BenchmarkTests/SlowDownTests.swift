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

    /// A tree, a compiler and a program that are none: of what the slower program is made, what is compared, and what is left.
    @Test func theSlowerProgramIsLinkedOfThePatchedFileAndRemoved() throws {
        let place = TemporaryDirectory()
        let (kernels, tree) = ("Backends/CPU/CPUKernels", place.path("tree"))
        for folder in ["tree/Benchmarks", "tree/\(kernels)", "tree/.build/release", "bin", "left"] {
            try FileManager.default.createDirectory(atPath: place.path(folder), withIntermediateDirectories: true)
        }
        for file in [
            "Benchmarks/slow-down.sh", "Benchmarks/slow-down.patch", "Benchmarks/compare-runs.sh",
            "\(kernels)/fused_run.c",
        ] {
            try FileManager.default.copyItem(atPath: "\(Self.root)/\(file)", toPath: place.path("tree/\(file)"))
        }
        let object = place.path("tree/.build/release/fused_run.c.o")
        func arguments(_ words: String...) throws -> String {
            String(decoding: try JSONEncoder().encode(words), as: UTF8.self)
        }
        func commands(_ more: String = "") throws -> String {
            try """
              "one":
                description: "Compiling CPUKernels fused_run.c"
                args: \(arguments(
                    place.path("bin/cc"), "-MF", "\(object).d", "-c", "\(tree)/\(kernels)/fused_run.c", "-o", object))

              "two":
                description: "Linking ./.build/release/needletail-bench"
                args: \(arguments(place.path("bin/ld"), "-o", "\(tree)/.build/release/needletail-bench", "@\(tree)/.build/list", "-g"))

              "three":
                description: "Linking ./.build/release/needletail"
                args: ["false"]
            \(more)

            """
        }
        place.write("other.o\n\(object)\n", to: "tree/.build/list")
        let programs = [
            // The folder of the file's neighbours has to be named.
            "cc": #"""
            quoted=
            while (($#)); do
                case "$1" in -c) source="$2" ;; -o) object="$2" ;; -iquote) [[ -e "$2/fused_run.c" ]]; quoted=1 ;; esac
                shift
            done
            [[ "$quoted" ]]
            cp "$source" "$object"
            """#,
            "ld": #"""
            while (($#)); do
                case "$1" in -o) program="$2" ;; @*) list="${1#@}" ;; esac
                shift
            done
            grep -q '^other.o$' "$list"
            cp "$(dirname "$0")/bench" "$program"
            ! grep -q 'is computed again' "$(grep fused_run "$list")" || echo '# slow' >>"$program"
            """#,
            "swift": #"""
            echo "$*" >>"$BUILT"
            cp "$(dirname "$0")/bench" .build/release/needletail-bench
            """#,
            "bench": #"""
            if [[ "$1" == compare ]]; then
                verdict=equal
                cmp -s "$2" "$3" || verdict=slower
                printf '| gelu 1048576 float32 | cpu | 1.050 | 10 | 0.0020 | %s |\n\ngeometric mean of the ratios 1\n' "$verdict"
                [[ "$verdict" == equal ]]
            else
                tail -n 1 "$0"
            fi
            """#,
        ]
        for (name, body) in programs {
            let path = place.write("#!/usr/bin/env bash\nset -e\n\(body)\n", to: "bin/\(name)")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        func slowDown(_ arguments: String..., left: String = "left") throws -> NeedletailTool.Result {
            try run(
                [
                    "LC_ALL=C", "PATH=\(place.path("bin")):/usr/local/bin:/usr/bin:/bin",
                    "TMPDIR=\(place.path(left))",
                    "BUILT=\(place.path("built"))", "\(tree)/Benchmarks/slow-down.sh",
                ] + arguments)
        }
        try place.write(commands(), to: "tree/.build/release.yaml")
        let result = try slowDown("2", "6")
        #expect(result.code == 0, "\(result)")
        #expect(
            result.output.contains("found in 2 of 2; one program called different from itself in 0 of 2"), "\(result)")
        #expect(
            result.output.contains(
                "trial 1 of 2: slowed down 1.050 times as long (chance 0.0020): slower; the same 1.050 times as long "
                    + "(chance 0.0020): equal; about 0:0"), "\(result)")
        #expect(
            try String(contentsOfFile: place.path("built"), encoding: .utf8)
                == "build -c release --product needletail-bench\n")
        #expect(TemporaryDirectory.names(place.path("left")).isEmpty)
        #expect(TemporaryDirectory.names(tree) == [".build", "Backends", "Benchmarks"])
        #expect(try !String(contentsOfFile: "\(tree)/\(kernels)/fused_run.c", encoding: .utf8).contains("again:"))
        // A build that is described otherwise is said, and nothing is compared.
        try place.write(
            commands("  \"four\":\n    description: \"Linking ./other/needletail-bench\"\n    args: [\"false\"]\n"),
            to: "tree/.build/release.yaml")
        let odd = try slowDown("2", "6")
        #expect(odd.code == 70 && odd.errors.contains("has 2 commands 'Linking"), "\(odd)")
        #expect(odd.output.isEmpty && TemporaryDirectory.names(place.path("left")).isEmpty)
        #expect(try slowDown("2", "5").errors.contains("5 rounds can find nothing"))
        // What is not there broke, and is no slow-down that was not found.
        func breaks(_ message: String, left: String = "left") throws {
            let result = try slowDown("2", "6", left: left)
            #expect(result.code == 70 && result.errors.contains(message) && result.output.isEmpty, "\(result)")
            #expect(!result.errors.contains("Traceback"), "\(result)")
            #expect(TemporaryDirectory.names(place.path("left")).isEmpty)
        }
        try breaks("no temporary folder can be made", left: "nowhere")
        try FileManager.default.removeItem(atPath: "\(tree)/.build/release.yaml")
        try breaks("release.yaml is not there; is this SwiftPM's own build system?")
        place.write("#!/usr/bin/env bash\nrm -f .build/release/needletail-bench\n", to: "bin/swift")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.path("bin/swift"))
        try breaks(".build/release/needletail-bench cannot be copied")
        try FileManager.default.removeItem(atPath: "\(tree)/\(kernels)/fused_run.c")
        try breaks("fused_run.c cannot be copied")
    }

    /// A number of rounds that is none, or a program that is not there, is said before anything runs.
    @Test(arguments: [
        (["true", "true", "ten"], "'ten' is none"), (["true", "/nothing/here"], "/nothing/here is no program"),
    ])
    func whatCannotBeComparedIsRefused(_ arguments: [String], _ message: String) throws {
        let result = try run(["\(Self.root)/Benchmarks/compare-runs.sh"] + arguments)
        #expect(result.code == 64 && result.errors.contains(message) && result.output.isEmpty, "\(result)")
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
