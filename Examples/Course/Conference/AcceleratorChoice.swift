import NeedletailTraining
import TensorRuntime

/// PyTorch's quick start: a network on the accelerator, where there is one.
final class NeuralNetwork: UnaryLayer {
    let flatten = Flatten()
    let linearReluStack = Sequential {
        Linear(28 * 28, 512)
        ReLU()
        Linear(512, 512)
        ReLU()
        Linear(512, 10)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { linearReluStack(flatten(x)) }
}

/// The accelerator is chosen automatically, in as many lines as `torch.accelerator` takes.
func acceleratorChoice(_ lesson: Lesson) throws {
    let device = Accelerator.isAvailable ? Accelerator.current! : DeviceID.cpu
    lesson.say("Using \(device) device")

    let model = NeuralNetwork()
    try model.to(device: device)
    lesson.say("\(model)")

    let x = Tensor.uniform([1, 28, 28], device: device)
    let probabilities = model(x).softmax(axis: 1)
    let prediction = try probabilities.argmax(1).item()

    lesson.say("Predicted class: \(prediction)")
    lesson.expect("probabilities lie on \(device)", probabilities.device == device)
    lesson.expect("and sum to", try probabilities.sum().item(), is: 1, within: 1e-5)
}
