import Foundation
import NeedletailBench
import TestSupport
import Testing

/// Which commit a program says it is of.
@Suite struct MachineTests {
    private func git(_ arguments: String..., in place: TemporaryDirectory) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["git", "-C", place.path, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
            + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "git \(arguments)")
    }

    private func date(_ path: String, _ date: Date) throws {
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
    }

    @Test func aProgramIsOfTheCommitThatItWasBuiltIn() throws {
        let place = TemporaryDirectory()
        for folder in [".build/release", "Benchmarks/Results"] {
            try FileManager.default.createDirectory(atPath: place.path(folder), withIntermediateDirectories: true)
        }
        let program = place.write("program", to: ".build/release/bench")
        #expect(Machine.commit(ofProgram: program) == nil)
        place.write("a", to: "Package.swift")
        #expect(Machine.commit(ofProgram: program) == nil)
        place.write("a", to: "Benchmarks/Results/rows.jsonl")
        try git("init", "-q", in: place)
        try git("add", "Package.swift", "Benchmarks", in: place)
        try git("commit", "-q", "-m", "a", in: place)
        try date(program, Date() + 60)
        let commit = try #require(Machine.commit(ofProgram: program))
        #expect(commit.count == 12 && commit.allSatisfy(\.isHexDigit))
        // Results are no source.
        place.write("other", to: "Benchmarks/Results/rows.jsonl")
        #expect(Machine.commit(ofProgram: program) == commit)
        try git("commit", "-q", "-a", "-m", "b", in: place)
        #expect(Machine.commit(ofProgram: program) == commit)
        // A source that git does not have is built all the same; what is no source is not.
        place.write("a", to: "notes.txt")
        #expect(Machine.commit(ofProgram: program) == commit)
        let added = place.write("a", to: "new.swift")
        #expect(Machine.commit(ofProgram: program) == commit + "-dirty")
        try FileManager.default.removeItem(atPath: added)
        #expect(Machine.commit(ofProgram: program) == commit)
        place.write("other", to: "Package.swift")
        #expect(Machine.commit(ofProgram: program) == commit + "-dirty")
        try date(program, Date() - 3600)
        #expect(Machine.commit(ofProgram: program) == "before \(commit)-dirty")
    }
}
