import Course
import Foundation
import Needletail
import NeedletailTraining
import Testing

/// Each listing says what its deck says.
@Suite struct CourseTests {
    @Test(arguments: Listing.all.map(\.name))
    func aListingSaysWhatItsDeckSays(_ name: String) throws {
        let listing = try #require(Listing.all.first { $0.name == name })
        let lesson = Lesson(isQuick: true, prints: false)
        try listing.run(lesson)
        #expect(lesson.misses.isEmpty, "\(lesson.misses)")
        #expect(lesson.checkCount + lesson.pictures.count > 0, "\(name) shows nothing")
    }

    /// The index has a row for each listing, with its command and a file that is there.
    @Test func theIndexHasEachListing() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Examples/Course").standardizedFileURL
        let index = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
        for listing in Listing.all {
            let row = index.split(separator: "\n").first { $0.contains("| `\(listing.name)` |") }
            let file = row.flatMap { $0.firstMatch(of: /\]\(([^)]+)\)/) }.map { String($0.1) }
            let path = try #require(file, "\(listing.name) has no row in Examples/Course/README.md")
            #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path), "\(path)")
        }
    }

    @Test func namesDiffer() {
        #expect(Set(Listing.all.map(\.name)).count == Listing.all.count)
    }
}
