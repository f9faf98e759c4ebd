import NeedletailTraining

/// A net in place of the table: it says for a state of the cart and its pole what each push is worth. Measured by how many
/// steps the pole stands, of 500 at most: in the last five walks of training, and when the better push is taken each time.
/// Random pushes hold it for about 22.
func deepQLearning(_ lesson: Lesson) throws {
    func makeNet() -> Sequential {
        Sequential {
            Linear(4, 64)
            ReLU()
            Linear(64, 64)
            ReLU()
            Linear(64, 2)
        }
    }
    let (net, target) = (makeNet(), makeNet())
    let optimizer = Adam(net.parameters, learningRate: 1e-3)
    let discount = 0.99
    var memory: [(state: [Float], action: Int64, reward: Float, next: [Float], goesOn: Float)] = []
    var dice = SeededRandom(1)
    var cart = CartPole(using: &dice)
    var walks: [Double] = []

    func betterPush(_ state: [Float]) throws -> Int {
        Int(try withNoGrad { net(Tensor([state])).argmax(1) }.item())
    }

    // Until the last five walks were as long as wanted.
    let wanted = lesson.isQuick ? 60.0 : 250
    var step = 0
    while walks.suffix(5).reduce(0, +) < wanted * 5, step < 20_000 {
        let isRandom = Double.random(in: 0..<1, using: &dice) < max(0.02, 1 - Double(step) / 2000)
        let action = isRandom ? Int.random(in: 0...1, using: &dice) : try betterPush(cart.state)
        let before = cart.state
        cart.push(action)
        memory.append((before, Int64(action), cart.isFallen ? -1 : 0, cart.state, cart.isFallen ? 0 : 1))
        if cart.isDone {
            walks.append(Double(cart.steps))
            cart = CartPole(using: &dice)
        }
        step += 1
        guard memory.count >= 200 else { continue }

        let batch = (0..<64).map { _ in memory.randomElement(using: &dice)! }
        let worthAfter = withNoGrad { target(Tensor(batch.map(\.next))).max(axes: 1) }
        // A fall costs 1, and nothing comes after it.
        let worth = Tensor(batch.map(\.reward)) + Tensor(batch.map(\.goesOn)) * worthAfter * discount
        let actions = Tensor(batch.map(\.action)).unsqueeze(1)

        optimizer.zeroGrad()
        let said = net(Tensor(batch.map(\.state))).gather(axis: 1, index: actions).squeeze(1)
        smoothL1Loss(said, worth).backward()
        try optimizer.step()
        if step % 50 == 0 { try target.load(stateDictionary: net.stateDictionary()) }
    }
    lesson.say("\(walks.count) walks of \(step) steps, the last ones of \(walks.suffix(5))")

    var stood: [Double] = []
    for _ in 0..<5 {
        var cart = CartPole(using: &dice)
        while !cart.isDone { cart.push(try betterPush(cart.state)) }
        stood.append(Double(cart.steps))
    }
    lesson.say("then it stands for \(stood) steps")
    lesson.expect("mean steps of the last five walks", walks.suffix(5).reduce(0, +) / 5, atLeast: wanted)
    lesson.expect("mean steps with the better push", stood.reduce(0, +) / 5, atLeast: lesson.isQuick ? 35 : 120)
    try lesson.draw("deep-q-learning", Chart("Cart-pole", x: "walk", y: "steps").line(walks))
}
