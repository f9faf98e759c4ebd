import NeedletailTraining

/// Learning rates that change as training goes on: 50 epochs, beside PyTorch's rates in epochs 0, 5, 15, 25, 35 and 49.
func schedules(_ lesson: Lesson) throws {
    let schedules: [(name: String, schedule: any LearningRateSchedule, wanted: [Double])] = [
        ("step", StepSchedule(every: 10, gamma: 0.5), [0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625]),
        (
            "exponential", ExponentialSchedule(gamma: 0.95),
            [0.1, 0.0773781, 0.0463291, 0.0277390, 0.0166083, 0.00809947]
        ),
        ("cosine", CosineSchedule(length: 50), [0.1, 0.0975528, 0.0793893, 0.05, 0.0206107, 0.0000986636]),
        (
            "one cycle", OneCycleSchedule(maximum: 0.1, length: 50, momentum: nil),
            [0.004, 0.0311736, 0.0997987, 0.0775449, 0.0345494, 4e-7]
        ),
    ]

    var chart = Chart("Learning rate", x: "epoch", y: "rate")
    for (name, schedule, wanted) in schedules {
        let optimizer = SGD([Parameter(Tensor.zeros([1]))], learningRate: 0.1)
        let scheduler = LearningRateScheduler(optimizer, schedule)
        var rates: [Double] = []
        for _ in 0..<50 {
            rates.append(optimizer.learningRate)
            // Here an epoch would train.
            scheduler.step()
        }
        lesson.expect(name, [0, 5, 15, 25, 35, 49].map { rates[$0] }, are: wanted, within: 1e-7)
        chart = chart.line(rates, name: name)
    }
    try lesson.draw("schedules", chart)
}
