import NeedletailTraining

/// A walk over 4 x 4 fields: start left above, goal right below, three holes. Moves are left, down, right, up.
struct GridWorld {
    static let goal = 15
    static let holes = [5, 7, 11]

    /// Where a move leads from a field, what it earns, and whether the walk is over.
    static func step(_ field: Int, _ move: Int) -> (next: Int, reward: Double, isDone: Bool) {
        let column = min(max(field % 4 + [-1, 0, 1, 0][move], 0), 3)
        let row = min(max(field / 4 + [0, 1, 0, -1][move], 0), 3)
        let next = row * 4 + column
        return (next, next == goal ? 1 : holes.contains(next) ? -1 : 0, next == goal || holes.contains(next))
    }
}

/// Q-learning fills a table: what each move is worth on each field. Measured by the way that the best moves take, which
/// is to be as short as possible, and by the worth of the start, the discount by each step after it.
func qLearning(_ lesson: Lesson) throws {
    let (rate, discount, exploration) = (0.5, 0.9, 0.3)
    var q = [[Double]](repeating: [0, 0, 0, 0], count: 16)
    var generator = SeededRandom(1)

    for _ in 1...500 {
        var (field, isDone) = (0, false)
        while !isDone {
            let best = q[field].indices.max { q[field][$0] < q[field][$1] }!
            let move =
                Double.random(in: 0..<1, using: &generator) < exploration
                ? Int.random(in: 0..<4, using: &generator) : best
            let (next, reward, isOver) = GridWorld.step(field, move)
            let target = isOver ? reward : reward + discount * q[next].max()!
            q[field][move] += rate * (target - q[field][move])
            (field, isDone) = (next, isOver)
        }
    }

    var way = [0]
    while way.last! != GridWorld.goal, way.count < 20 {
        let field = way.last!
        way.append(GridWorld.step(field, q[field].indices.max { q[field][$0] < q[field][$1] }!).next)
    }
    lesson.say("way: \(way)")
    lesson.expect("steps to the goal", Double(way.count - 1), is: 6)
    lesson.expect("worth of the start, 0.9⁵", q[0].max()!, is: 0.59049, within: 1e-3)

    let worth = (0..<4).map { row in (0..<4).map { q[row * 4 + $0].max()! } }
    let arrows = (0..<16).map { field in
        field == GridWorld.goal
            ? "goal"
            : GridWorld.holes.contains(field)
                ? "hole" : ["←", "↓", "→", "↑"][q[field].indices.max { q[field][$0] < q[field][$1] }!]
    }
    try lesson.draw("q-learning", Chart("Best moves and their worth").heatMap(worth, texts: arrows, label: "worth"))
}
