import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import Testing

/// The README's program compiles, runs and trains: it stands here, line for line.
@Suite struct ReadmeTests {
    @Test func theProgramTrainsAModel() throws {
        // README begins
        let digits = DeviceDataset(try MNISTFiles.load(.train, from: MNISTFiles.directory()))
        let model = Sequential {
            Flatten()
            Linear(784, 128)
            ReLU()
            Dropout(0.2)
            Linear(128, 10)
        }
        let optimizer = Adam(model.parameters, learningRate: 1e-3)

        for batch in digits.batches(of: 64, shuffledBy: Generator(seed: 0)) {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
        }
        // README ends
        let test = DeviceDataset(try MNISTFiles.load(.test, from: MNISTFiles.directory()))
        #expect(try model.evaluate(on: test).accuracy > 0.9)
    }

    /// The README's second program, which `SnippetTests` finds here.
    @Test func theProgramInKerasWordsTrainsAModel() throws {
        let directory = try MNISTFiles.directory()
        let training = DataLoader(
            DeviceDataset(try MNISTFiles.load(.train, from: directory).prefix(6000)), batchSize: 64, shuffle: true)
        let test = DataLoader(DeviceDataset(try MNISTFiles.load(.test, from: directory)), batchSize: 500)
        let model = KerasModel {
            Flatten()
            Dense(128, activation: .relu)
            Dropout(0.2)
            Dense(128, activation: .relu)
            Dense(10)
        }
        model.compile(
            optimizer: .adam(0.001), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
        let history = try model.fit(training, epochs: 6, validationData: test)
        print(history["val_accuracy"])
        #expect(try #require(history["val_accuracy"].last) > 0.92)
    }

    @Test func theProgramIsTheOneOfTheReadme() throws {
        func lines(of file: String, from begin: String, to end: String) throws -> [String] {
            let path = file.hasPrefix("/") ? file : ImportTests.root.appendingPathComponent(file).path
            let all = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
            let start = try #require(all.firstIndex { $0.contains(begin) })
            let stop = try #require(all[(start + 1)...].firstIndex { $0.contains(end) })
            return Array(all[(start + 1)..<stop])
        }
        let readme = try lines(of: "README.md", from: "```swift", to: "```")
        let here = try lines(of: #filePath, from: "// README begins", to: "// README ends")
        #expect(readme.first == "import NeedletailVision")
        #expect(readme.dropFirst(2) == here.map { String($0.dropFirst(8)) }[...])
    }
}
