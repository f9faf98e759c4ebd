import Needletail
import NeedletailTraining
import TensorGraph
import TensorRuntime
import TestSupport

/// The three kinds of device.
enum GraphDevice: String, CaseIterable, CustomStringConvertible {
    case cpu, opencl, vulkan

    /// Those that this run of the tests has.
    static var wanted: [GraphDevice] {
        [.cpu] + (OpenCLTesting.areWanted ? [.opencl] : []) + (VulkanTesting.areWanted ? [.vulkan] : [])
    }

    var description: String { rawValue }

    /// Runs `body` on a context of its own.
    func run<Result>(_ body: (DeviceContext) throws -> Result) throws -> Result {
        let id: DeviceID
        switch self {
        case .cpu: id = .cpu
        case .opencl: id = DeviceID(backend: "opencl")
        case .vulkan: id = try VulkanTesting.device(.lavapipe)
        }
        return try withOwnDevice(id, body)
    }
}

/// A training whose step is captured: its batches are set, then it is replayed.
struct CapturedTraining {
    let training: SmallTraining
    let graph: Accelerator.Graph
    let x: Accelerator.Graph.Input
    let labels: Accelerator.Graph.Input
    let loss: Tensor
    /// Computed, so that setting them computes nothing.
    let batches: [Batch]

    init(
        _ training: SmallTraining, graph: Accelerator.Graph = Accelerator.Graph(),
        between: (SmallTraining.Step) throws -> Void = { _ in }
    ) throws {
        self.training = training
        self.graph = graph
        batches = Array(training.batches())
        try evaluate(batches.flatMap { [$0.features, $0.labels] })
        let x = try graph.input(like: batches[0].features)
        let labels = try graph.input(like: batches[0].labels, values: 0...9)
        loss = try graph.capture {
            training.optimizer.zeroGrad()
            let made = training.forward(x.value, labels.value)
            try between(made)
            made.loss.backward()
            try training.optimizer.step()
            return made.loss
        }
        self.x = x
        self.labels = labels
    }

    /// - Parameter count: the batches that come in turn; nil for all.
    func run(_ steps: Int, from start: Int = 0, among count: Int? = nil, after: (Int) throws -> Void = { _ in }) throws
    {
        for index in start..<start + steps {
            let batch = batches[index % (count ?? batches.count)]
            try x.set(batch.features)
            try labels.set(batch.labels)
            try graph.replay()
            try after(index)
        }
    }
}

/// All that training changes, as numbers.
struct TrainingNumbers: Equatable {
    var weights: [Float]
    var state: [[Float]]
    var steps: [Int]
    var generator: Generator.State

    init(_ training: SmallTraining) throws {
        weights = try training.weights()
        let saved = training.optimizer.state
        state = try saved.tensors.entries.map { try $0.tensor.scalars(as: Float.self) }
        steps = saved.steps
        generator = training.generator.state
    }
}
