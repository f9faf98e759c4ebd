import Foundation
import Needletail
import TestSupport
import Testing

private let python = "/usr/bin/python3"

/// What `Scripts/same-run.py`, by which `Scripts/kill-training.sh` judges, takes for a difference.
@Suite(
    .enabled(if: NeedletailTool.program("Trials") != nil, "Trials has not been built"),
    .enabled(if: FileManager.default.isExecutableFile(atPath: python), "there is no Python"))
struct SameRunTests {
    private let directory = TemporaryDirectory()

    private func compare() throws -> NeedletailTool.Result {
        let script = ImportTests.root.appendingPathComponent("Scripts/same-run.py").path
        return try NeedletailTool.run(
            [script, directory.path("whole"), directory.path("other"), "2", "3"], program: python)
    }

    /// Writes a file of the second run anew, with a text in a header's value replaced.
    private func change(_ name: String, _ key: String, _ pattern: String, _ text: String) throws {
        let path = directory.path("other/\(name)")
        var file = try SafeTensorsFile(contentsOf: path)
        let old = try #require(file.metadata[key])
        let new = old.replacingOccurrences(of: pattern, with: text, options: .regularExpression)
        #expect(new != old, "no \(pattern) in \(old)")
        file.metadata[key] = new
        try file.write(to: path)
    }

    @Test func eachDifferenceIsFound() throws {
        let trained = try NeedletailTool.run(
            ["every-callback", directory.path("whole"), "2"], program: NeedletailTool.program("Trials"))
        #expect(trained.code == 0, "\(trained)")
        func copy() throws {
            try? FileManager.default.removeItem(atPath: directory.path("other"))
            try FileManager.default.copyItem(atPath: directory.path("whole"), toPath: directory.path("other"))
        }
        try copy()
        let same = try compare()
        #expect(same.code == 0, "\(same)")
        // The best score of ModelCheckpoint.
        for name in ["last.safetensors", "best.safetensors"] {
            try copy()
            try change(name, "callbacks", #"("key":"ModelCheckpoint","numbers":\{"best":\[)[0-9.]+"#, #"$1-0.125"#)
            let other = try compare()
            #expect(other.code != 0 && other.errors.contains("other/\(name) says something else"), "\(other)")
        }
        try copy()
        // Names of numbered files depend on where a run was stopped.
        try change("last.safetensors", "callbacks", #""epoch-\d+-step-\d+\.safetensors""#, #""epoch-0000.safetensors""#)
        let renamed = try compare()
        #expect(renamed.code == 0, "\(renamed)")
        let events = try #require(directory.files(in: "other").first { $0.contains("events.out.tfevents") })
        let bytes = try Data(contentsOf: URL(fileURLWithPath: events))
        try bytes.dropLast().write(to: URL(fileURLWithPath: events))
        let torn = try compare()
        #expect(torn.code != 0 && torn.errors.contains("torn"), "\(torn)")
    }
}
