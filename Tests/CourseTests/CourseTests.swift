import Course
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

    @Test func namesDiffer() {
        #expect(Set(Listing.all.map(\.name)).count == Listing.all.count)
    }
}
