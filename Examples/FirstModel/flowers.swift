import NeedletailTraining

// A table of one's own, the column to predict, and a fifth of the rows held out.
let table = try CSVTable(contentsOf: "flowers.csv")
let encoder = try TableEncoder(fitting: table, target: "species")
let flowers = try CSVDataset(table, encoder)
let parts = stratifiedSplit(flowers, labels: try flowers.classes(), fractions: [0.8, 0.2], seed: 1)
let training = DataLoader(parts[0], batchSize: 16, shuffle: true, seed: 1)
let validation = DataLoader(parts[1], batchSize: 30)

manualSeed(1)
let model = Sequential {
    Linear(encoder.width, 16)
    ReLU()
    Linear(16, 3)
}
let trainer = Trainer(
    model: model, optimizer: Adam(model.parameters, learningRate: 0.01), loss: { crossEntropy($0, $1) },
    metrics: [Accuracy()])
let history = try trainer.fit(training, validation: validation, epochs: 60)
print("accuracy on flowers held out:", history["val_accuracy"].last!)

try Chart("Flowers", x: "epoch", y: "cross entropy")
    .line(x: 1...60, y: history["loss"], name: "training")
    .line(x: 1...60, y: history["val_loss"], name: "held out", dashed: true)
    .write(to: "flowers.svg")
try model.save(to: "flowers.safetensors")
try encoder.save(to: "flowers.json")
