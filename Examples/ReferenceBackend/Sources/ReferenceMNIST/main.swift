import Foundation
import NeedletailVision
import ReferenceBackend

// A small model learns MNIST on a backend that Needletail has never heard of. NEEDLETAIL_DATA says where the files are.
BackendRegistry.shared.register(ReferenceBackend())

do {
    try withDevice(DeviceID(backend: "reference")) {
        let digits = DeviceDataset(try MNISTFiles.load(.train, from: MNISTFiles.directory()))
        let model = Sequential {
            Flatten()
            Linear(784, 32)
            ReLU()
            Linear(32, 10)
        }
        let optimizer = Adam(model.parameters, learningRate: 3e-3)
        for (step, batch) in digits.batches(of: 64, shuffledBy: Generator(seed: 0)).prefix(300).enumerated() {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
            if step % 50 == 49 { print("step \(step + 1): loss \(try loss.item())") }
        }
        let test = try MNISTFiles.load(.test, from: MNISTFiles.directory()).prefix(2000)
        let result = try model.evaluate(on: DeviceDataset(test))
        print("\(try DeviceSelection.current): accuracy \(result.accuracy) of \(result.count) images")
    }
} catch {
    print("reference-mnist: \(error)")
    exit(1)
}
