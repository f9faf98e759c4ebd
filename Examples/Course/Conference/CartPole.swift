import Foundation
import NeedletailTraining

/// A pole on a cart that is pushed left or right: the numbers of Gym's `CartPole-v1`.
///
/// Source: Barto, Sutton and Anderson, Neuronlike adaptive elements that can solve difficult learning control problems, 1983;
/// [Gymnasium](https://gymnasium.farama.org/environments/classic_control/cart_pole/).
struct CartPole {
    /// Place and speed of the cart, angle and turning speed of the pole.
    private(set) var state: [Float]
    private(set) var steps = 0

    init(using dice: inout SeededRandom) { state = (0..<4).map { _ in Float.random(in: -0.05...0.05, using: &dice) } }

    /// Whether the pole fell, or the cart left its rails.
    var isFallen: Bool { abs(state[0]) > 2.4 || abs(state[2]) > 12 * .pi / 180 }
    var isDone: Bool { isFallen || steps == 500 }

    /// Pushes with 10 N to the left (0) or to the right (1) for 0.02 s.
    mutating func push(_ action: Int) {
        let force: Float = action == 1 ? 10 : -10
        let (sine, cosine) = (sin(state[2]), cos(state[2]))
        // 0.1 kg on a pole of half length 0.5 m, 1.1 kg with the cart.
        let push = (force + 0.05 * state[3] * state[3] * sine) / 1.1
        let turning = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine * cosine / 1.1))
        let pull = push - 0.05 * turning * cosine / 1.1
        let rates = [state[1], pull, state[3], turning]
        for place in 0..<4 { state[place] += 0.02 * rates[place] }
        steps += 1
    }
}
