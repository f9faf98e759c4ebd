import Foundation
import NeedletailTraining

/// The next number by an LSTM: its last state, through one neuron.
final class LSTMForecast: UnaryLayer {
    let lstm = LSTM(1, 16, batchFirst: true)
    let output = Linear(16, 1)

    func callAsFunction(_ x: Tensor) -> Tensor { output(lstm(x).output[0..., -1]) }
}

/// The same by a plain recurrent net.
final class RNNForecast: UnaryLayer {
    let rnn = RNN(1, 16, batchFirst: true)
    let output = Linear(16, 1)

    func callAsFunction(_ x: Tensor) -> Tensor { output(rnn(x).output[0..., -1]) }
}

/// A sine goes on: a recurrent net says the next number by the 20 before it. Measured by the error on a part of the sine
/// that it has not seen, of one number and of 40 that it writes by itself.
func sineForecast(_ lesson: Lesson) throws {
    let sine = (0..<320).map { Float(sin(Double($0) * 0.2)) }
    let windows = Tensor(sine).unfold(axis: 0, size: 21, step: 1)
    let (x, y) = (windows[0..<200, 0..<20].unsqueeze(2), windows[0..<200, 20..<21])
    let (testX, testY) = (windows[220..<300, 0..<20].unsqueeze(2), windows[220..<300, 20..<21])

    var chart = Chart("A sine goes on", x: "step", y: "value").line(sine[240..<300].map { Double($0) }, name: "sine")
    for (name, model) in [("LSTM", LSTMForecast()), ("RNN", RNNForecast())] as [(String, any UnaryLayer)] {
        let optimizer = Adam(model.parameters, learningRate: 0.01)
        for epoch in 1...150 {
            optimizer.zeroGrad()
            let loss = mseLoss(model(x), y)
            loss.backward()
            try optimizer.step()
            if epoch % 50 == 0 { lesson.say("\(name), epoch \(epoch): loss \(try loss.item())") }
        }

        let error = try withNoGrad { try mseLoss(model(testX), testY).item().squareRoot() }
        lesson.expect("\(name): error of the next number", error, atMost: 0.05)

        var series = Array(sine[240..<260])
        while series.count < 60 {
            let next = withNoGrad { model(Tensor(Array(series.suffix(20)), shape: [1, 20, 1])) }
            series.append(try next.item(as: Float.self))
        }
        let squares = zip(series, sine[240..<300]).map { Double($0 - $1) * Double($0 - $1) }
        lesson.expect("\(name): of 40 by itself", (squares.reduce(0, +) / 40).squareRoot(), atMost: 0.3)
        chart = chart.line(series.map { Double($0) }, name: name, dashed: true)
    }
    try lesson.draw("lstm-sine", chart.rule(x: 19.5))
}
