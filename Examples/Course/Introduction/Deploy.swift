import Foundation
import NeedletailVision
import TensorRuntime

/// The whole procedure: data, split, model, tune, test, deploy. At the end the saved model reads a picture in a process of
/// its own, as a program does that somebody else installs.
func deploy(_ lesson: Lesson) throws {
    if let file = ProcessInfo.processInfo.environment["COURSE_MODEL"] { return try deployed(lesson, file) }

    // Data, and a split of which the test part stays shut until the end.
    let digits = try Digits.dataset(.train, lesson.isQuick ? 3000 : 20_000)
    let parts = stratifiedSplit(digits, labels: try digits.classes(), fractions: [0.8, 0.1, 0.1], seed: 1)
    let validation = Array(DataLoader(parts[1], batchSize: parts[1].count).epoch(0))[0]
    let test = Array(DataLoader(parts[2], batchSize: parts[2].count).epoch(0))[0]

    func accuracy(_ model: MLP, on batch: Batch) throws -> Double {
        try withNoGrad { try (model(batch.features).argmax(1) .== batch.labels).to(.float32).mean().item() }
    }

    // Model, and a learning rate tuned on the validation part.
    var best: (model: MLP, rate: Double, accuracy: Double)?
    for rate in [1e-4, 1e-3, 1e-2] {
        let model = MLP()
        let optimizer = Adam(model.parameters, learningRate: rate)
        for epoch in 0..<3 {
            for batch in DataLoader(parts[0], batchSize: 64, shuffle: true).epoch(epoch) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
            }
        }
        let found = try accuracy(model, on: validation)
        lesson.say("rate \(rate): validation accuracy \(found)")
        if found > best?.accuracy ?? 0 { best = (model, rate, found) }
    }

    // Test, once.
    let model = best!.model
    lesson.expect("test accuracy", try accuracy(model, on: test), atLeast: lesson.isQuick ? 0.85 : 0.93)

    // Deploy: a file, and a process that knows nothing but the file.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("course-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("digits.safetensors").path
    try model.save(to: file)

    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let process = Process()
    process.executableURL = program.appendingPathComponent("course")
    process.arguments = ["deploy", "--device", "\(try DeviceSelection.current)"]
    process.environment = ProcessInfo.processInfo.environment.merging(["COURSE_MODEL": file]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    lesson.say("process \(process.processIdentifier): \(lines)")
    lesson.expect("it ended well", process.terminationStatus == 0)
    lesson.expect("and read the 7", lines.contains("seven.png shows a 7"))
}

/// What runs where the model is deployed.
private func deployed(_ lesson: Lesson, _ file: String) throws {
    let model = MLP()
    try model.load(from: file)
    let picture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("seven.png")
    let pixels = try ImageFile.read(picture.path, channels: .gray)
    let image = Tensor(pixels.scalars(as: Float.self), shape: [1, 1, 28, 28]) / 255
    lesson.say("seven.png shows a \(Int(try withNoGrad { model(image).argmax(1) }.item()))")
}
