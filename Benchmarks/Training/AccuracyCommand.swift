import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TensorRuntime

/// Times a recipe that is to reach an accuracy on MNIST, as the peers' `peer accuracy` does: the clock runs from the optimizer's
/// making to the end of the last step, and the test images are looked at afterwards.
struct AccuracyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accuracy",
        abstract: "Times recipes that are to reach 98 or 99 percent on MNIST; exits with 1 where a seed does not.")

    /// `peer` is the net and the recipe of the peers' benchmark for the same accuracy.
    enum Recipe: String, CaseIterable, ExpressibleByArgument {
        case own, peer
    }

    @Option(help: "fast98 or fast99.") var preset: MNISTPreset = .fast98
    @Option(help: "own: the preset's net; peer: the net that the peers' benchmark trains.") var recipe: Recipe = .own
    @Option(help: "Seeds, separated by commas.") var seeds = "1,2,3,4,5"
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "Print one JSON object a line.") var json = false

    func run() throws {
        let numbers = try seeds.split(separator: ",").map { text in
            guard let seed = UInt64(text), Int(exactly: seed) != nil else {
                throw ValidationError("--seeds \(seeds): '\(text)' is no seed")
            }
            return seed
        }
        if numbers.isEmpty { throw ValidationError("--seeds: give at least one") }
        let id = try DeviceSelection.resolve(device)
        let directory = try MNISTFiles.directory(data)
        try withDevice(id) {
            let training = DeviceDataset(try MNISTFiles.load(.train, from: directory))
            let test = DeviceDataset(try MNISTFiles.load(.test, from: directory))
            var seconds: [Double] = []
            var misses = 0
            for seed in numbers {
                let result = try train(training, test, seed: seed)
                seconds.append(result.seconds)
                if result.accuracy < preset.accuracy { misses += 1 }
                try report(seed, result, on: id)
            }
            let median = Quantiles(seconds).median
            if !json {
                try StandardOutput.write(
                    line: String(format: "median %.2f s of training, ", median)
                        + "\(numbers.count - misses) of \(numbers.count) seeds reached \(preset.accuracy)")
            }
            if misses > 0 { throw ExitCode(EXIT_FAILURE) }
        }
    }

    func train(
        _ training: DeviceDataset, _ test: DeviceDataset, seed: UInt64
    ) throws -> (seconds: Double, accuracy: Double) {
        let generator = Generator(seed: seed)
        let model = recipe == .own ? preset.makeModel(generator: generator) : peerModel(generator)
        let epochs = recipe == .own ? preset.epochs : (preset == .fast98 ? 1 : 2)
        let rate = recipe == .own ? preset.learningRate : (preset == .fast98 ? 1e-2 : 5e-3)
        let loader = DataLoader(training, batchSize: preset.batchSize, shuffle: true, dropLast: true, seed: seed)
        try synchronize()
        let elapsed = try milliseconds(1) {
            let optimizer = AdamW(model.parameters, learningRate: rate)
            let schedule = OneCycleSchedule(maximum: rate, length: epochs * loader.count, rise: 0.2)
            let scheduler = LearningRateScheduler(optimizer, schedule)
            for epoch in 0..<epochs {
                for batch in loader.epoch(epoch) {
                    optimizer.zeroGrad()
                    crossEntropy(model(batch.features), batch.labels).backward()
                    try optimizer.step()
                    scheduler.step()
                }
            }
            try synchronize()
        }
        return (elapsed / 1000, try model.evaluate(on: test).accuracy)
    }

    private func peerModel(_ generator: Generator) -> Sequential {
        func conv(_ inputs: Int, _ outputs: Int, _ kernel: Extent2D, stride: Extent2D = 1) -> Conv2d {
            Conv2d(inputs, outputs, kernel: kernel, stride: stride, generator: generator)
        }
        if preset == .fast98 {
            return Sequential {
                conv(1, 16, 5, stride: 2)
                BatchNorm2d(16)
                ReLU()
                conv(16, 32, 3, stride: 2)
                BatchNorm2d(32)
                ReLU()
                Flatten()
                Linear(800, 10, generator: generator)
            }
        }
        return Sequential {
            conv(1, 16, 5)
            ReLU()
            MaxPool2d(kernel: 2)
            conv(16, 32, 5)
            ReLU()
            MaxPool2d(kernel: 2)
            Flatten()
            Linear(512, 128, generator: generator)
            ReLU()
            Linear(128, 10, generator: generator)
        }
    }

    private func report(_ seed: UInt64, _ result: (seconds: Double, accuracy: Double), on id: DeviceID) throws {
        if json {
            try JSONLines.write([
                "framework": "needletail", "device": .string("\(id)"), "preset": .string(preset.rawValue),
                "recipe": .string(recipe.rawValue), "seed": .integer(Int(seed)),
                "threads": .integer(Machine.threads(of: try deviceContext().device.description)),
                "train_seconds": .number(result.seconds),
                "test_accuracy": .number(result.accuracy),
            ])
        } else {
            let numbers = String(
                format: "%.2f s of training, test accuracy %.2f %%", result.seconds, 100 * result.accuracy)
            try StandardOutput.write(line: "\(preset.rawValue), seed \(seed): \(numbers)")
        }
    }
}

extension MNISTPreset: ExpressibleByArgument {}
