import NeedletailVision

/// Training, validation and test data in which each digit has the same share, from a seed.
func stratifiedSplitOfDigits(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 6000 : 60_000)
    let labels = try digits.classes()

    let parts = stratifiedSplit(digits, labels: labels, fractions: [0.7, 0.15, 0.15], seed: 1)

    var chart = Chart("Each digit's share", x: "digit", y: "%")
    func shares(_ labels: [Int]) -> [Double] {
        (0..<10).map { digit in Double(labels.count { $0 == digit }) / Double(labels.count) * 100 }
    }
    let wanted = shares(labels)
    for (name, part) in zip(["training", "validation", "test"], parts) {
        let found = shares(part.indices.map { labels[$0] })
        lesson.say("\(name): \(part.count) images, shares in % \(rounded(found))")
        lesson.expect("\(name): shares are those of all", found, are: wanted, within: 100 / Double(part.count))
        chart = chart.bars((0..<10).map(String.init), found, name: name)
    }
    lesson.expect("each image is in one part", Set(parts.flatMap(\.indices)).count == digits.count)

    let again = stratifiedSplit(digits, labels: labels, fractions: [0.7, 0.15, 0.15], seed: 1)
    let other = stratifiedSplit(digits, labels: labels, fractions: [0.7, 0.15, 0.15], seed: 2)
    lesson.expect("the same seed gives the same parts", again.map(\.indices) == parts.map(\.indices))
    lesson.expect("another seed gives others", other.map(\.indices) != parts.map(\.indices))
    try lesson.draw("stratified-split", chart)
}
