import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision
import TestSupport
import Testing

/// `needletail train csv`, and `evaluate`, `predict` and `report` of what it saved.
@Suite(.serialized, .enabled(if: NeedletailTool.path != nil, "needletail has not been built"))
struct TrainTableCommandTests: CommandSuite {
    private let folder = TemporaryDirectory()
    private let output = TemporaryDirectory()

    private func train(_ file: String, _ more: String...) throws -> NeedletailTool.Result {
        let result = try run(["train", "csv", file, "--output", output.path] + more)
        #expect(result.code == 0, "\(result)")
        return result
    }

    /// `price = 3 size - 2 age + 10`, and 20 more in town.
    private func prices(_ count: Int, spoilt: [Int: String] = [:]) -> String {
        var text = "size,age,place,name,price\n"
        for row in 0..<count {
            let (size, age, town) = (Double(row * 7 % 23) / 2, Double(row * 5 % 11), row % 3 == 0)
            let price = 3 * size - 2 * age + 10 + (town ? 20 : 0)
            text += spoilt[row] ?? "\(size),\(age),\(town ? "town" : "land"),house \(row),\(price)"
            text += "\n"
        }
        return text
    }

    /// Three kinds, each around a point of its own.
    private func kinds(_ count: Int) -> String {
        var text = "x,y,kind\n"
        for row in 0..<count {
            let kind = row % 3
            let (dx, dy) = (Double(row * 7 % 13) / 26, Double(row * 11 % 17) / 34)
            text += "\(Double(kind == 0 ? 2 : 0) + dx),\(Double(kind == 1 ? 2 : 0) + dy),\(["a", "b", "c"][kind])\n"
        }
        return text
    }

    private func columns(_ text: String) -> [[String]] {
        text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    // MARK: Whole runs

    @Test func classesAreLearntAndPredictedWithTheirProbabilities() throws {
        let file = folder.write(kinds(90), to: "kinds.csv")
        let plain = try train(file, "--target", "kind", "--epochs", "60")
        #expect(plain.output.hasSuffix("validation accuracy: 100.00 %\n"), "\(plain)")
        #expect(plain.output.contains("actual \\ predicted  a  b  c\na                   6  0  0\n"), "\(plain)")
        #expect(output.contents == ["best.safetensors", "checkpoint.safetensors", "history.csv", "report.html"])
        let checkpoint = output.path("checkpoint.safetensors")
        let evaluation = try run(["evaluate", "--checkpoint", checkpoint])
        #expect(evaluation.output.hasSuffix("validation accuracy: 100.00 %\n"), "\(evaluation)")
        // The target may be missing, and columns stand in another order.
        let rows = folder.write("y,x\n0.1,2.2\n2.2,0.1\n0.2,0.3\n", to: "rows.csv")
        let predictions = try run(["predict", "--checkpoint", checkpoint, rows])
        let lines = columns(predictions.output)
        #expect(lines[0] == ["y", "x", "predicted_kind", "probability"])
        #expect(lines.dropFirst().map { $0[2] } == ["a", "b", "c"], "\(predictions)")
        let events = try run(["predict", "--checkpoint", checkpoint, rows, "--json"]).events()
        #expect(events.map { $0["prediction"]?.text } == ["a", "b", "c"])
        #expect(events.map { $0["line"]?.number } == [2, 3, 4])
        for (event, line) in zip(events, lines.dropFirst()) {
            #expect(Float(event["probability"]?.number ?? 0) == Float(line[3]))
        }
    }

    @Test func theNumbersOfARegressionAreThoseOfItsPredictions() throws {
        let file = folder.write(prices(120), to: "prices.csv")
        let trained = try train(file, "--target", "price", "--hidden", "32", "--learning-rate", "0.01", "--json")
        let start = try #require(try trained.events().first)
        #expect(start["train_rows"]?.number == 96 && start["validation_rows"]?.number == 24, "\(trained)")
        // Texts that are all different say nothing.
        #expect(trained.output.contains("'name'; --features"), "\(start)")
        let checkpoint = output.path("checkpoint.safetensors")
        let result = try #require(try trained.events().last)
        let judged = try #require(try run(["evaluate", "--checkpoint", checkpoint, "--json"]).events().first)
        for name in ["validation_mae", "validation_rmse", "validation_r2"] {
            #expect(judged[name]?.number == result[name]?.number, "\(name)")
        }
        let all = try #require(
            try run(["evaluate", "--checkpoint", checkpoint, "--data", file, "--json"]).events().first)
        let written = folder.path("predictions.csv")
        let predicted = try run(["predict", "--checkpoint", checkpoint, file, "--output", written])
        #expect(predicted.code == 0 && predicted.output.hasPrefix("120 rows, predicted_price in "), "\(predicted)")
        let rows = columns(try String(contentsOfFile: written, encoding: .utf8))
        #expect(rows[0] == ["size", "age", "place", "name", "price", "predicted_price"])
        let pairs = rows.dropFirst().compactMap { row -> (Double, Double)? in
            guard let wanted = Double(row[4]), let said = Double(row[5]) else { return nil }
            return (wanted, said)
        }
        #expect(pairs.count == 120)
        let errors = pairs.map { $1 - $0 }
        let mean = pairs.map(\.0).reduce(0, +) / 120
        let squares = errors.map { $0 * $0 }.reduce(0, +)
        let spread = pairs.map { ($0.0 - mean) * ($0.0 - mean) }.reduce(0, +)
        let expected = [
            ("mae", errors.map(abs).reduce(0, +) / 120), ("rmse", (squares / 120).squareRoot()),
            ("r2", 1 - squares / spread),
        ]
        for (name, value) in expected {
            let found = try #require(all["validation_\(name)"]?.number)
            #expect(abs(found - value) < 1e-3 * max(1, abs(value)), "\(name): \(found), not \(value)")
        }
        #expect(expected[2].1 > 0.95, "\(expected)")
    }

    @Test func missingValuesAreNamedFilledInOrDropped() throws {
        let file = folder.write(
            prices(60, spoilt: [4: ",3,land,house,40", 9: "3,4,land,house,"]), to: "prices.csv")
        let command = ["train", "csv", file, "--target", "price", "--epochs", "1", "--output", output.path]
        try expectFailure(65, ["line 6, column 'size'", "--missing drop or --missing mean"], command)
        try expectFailure(
            65, ["line 11, column 'price'", "give --missing drop"], command + ["--missing", "mean"])
        #expect(output.contents == [])
        let dropped = try run(command + ["--missing", "drop", "--json"])
        #expect(try dropped.events().first?["train_rows"]?.number == 47, "\(dropped)")
        let judged = try run([
            "evaluate", "--checkpoint", output.path("checkpoint.safetensors"), "--data", file, "--json",
        ])
        #expect(try judged.events().first?["rows"]?.number == 58, "\(judged)")
        let whole = folder.write(prices(60, spoilt: [4: ",3,land,house,40"]), to: "whole.csv")
        _ = try train(whole, "--target", "price", "--epochs", "1", "--missing", "mean")
        let rows = folder.write("size,age,place\n,3,land\n", to: "rows.csv")
        let predicted = try run(["predict", "--checkpoint", output.path("checkpoint.safetensors"), rows])
        #expect(predicted.code == 0, "\(predicted)")
    }

    @Test(arguments: [["--target", "price"], ["--target", "place", "--patience", "100000", "--missing", "mean"]])
    func anInterruptedRunGoesOnBitForBit(_ options: [String]) throws {
        let file = folder.write(prices(400), to: "prices.csv")
        let whole = TemporaryDirectory()
        let common = ["train", "csv", file, "--batch-size", "4", "--json", "--device", "cpu"] + options
        let broken = try NeedletailTool.run(
            common + ["--epochs", "100000", "--output", output.path], interruptAfter: #""event":"epoch""#)
        #expect(broken.code == 130, "\(broken)")
        let checkpoint = output.path("checkpoint.safetensors")
        let epochs = String(try Checkpoint(contentsOf: checkpoint).position.epoch + 2)
        let straight = try NeedletailTool.run(common + ["--epochs", epochs, "--output", whole.path])
        #expect(straight.code == 0, "\(straight)")
        // All that was asked for stands in the checkpoint.
        let resumed = try run([
            "train", "csv", file, "--epochs", epochs, "--json", "--resume", checkpoint, "--output", output.path,
        ])
        #expect(resumed.code == 0, "\(resumed)")
        for name in ["checkpoint.safetensors", "best.safetensors"] {
            var files = try [whole, output].map { try SafeTensorsFile(contentsOf: $0.path(name)) }
            for index in files.indices {
                files[index].metadata["seconds"] = nil
                // The best epoch may have been in the run that was to be longer.
                files[index].metadata["callbacks"]?.replace(#/"epochs":\["\d+"\]/#, with: "")
            }
            #expect(files[0] == files[1], "\(name)")
        }
    }

    @Test func trainingThatGetsNoBetterStopsWithTheBestWeights() throws {
        let file = folder.write(kinds(60), to: "kinds.csv")
        let trained = try train(
            file, "--target", "kind", "--epochs", "500", "--patience", "3", "--learning-rate", "0.02", "--json",
            "--tensorboard")
        let result = try #require(try trained.events().last)
        let (epochs, best) = (try #require(result["epochs"]?.number), try #require(result["best_epoch"]?.number))
        #expect(epochs < 500 && best == epochs - 3, "\(result)")
        let judged = try run(["evaluate", "--checkpoint", output.path("best.safetensors"), "--json"]).events()
        #expect(judged.first?["validation_accuracy"] == result["validation_accuracy"])
        #expect(judged.first?["validation_loss"] == result["validation_loss"])
        #expect(judged.first?["epoch"]?.number == best)
        #expect(output.contents.contains { $0.hasPrefix("events.out.tfevents") })
    }

    @Test func aRunGoesOnToItsOwnLastEpoch() throws {
        let file = folder.write(prices(400), to: "prices.csv")
        let command = ["train", "csv", file, "--json", "--device", "cpu", "--output", output.path]
        let first = try NeedletailTool.run(
            command + ["--target", "price", "--epochs", "100000", "--patience", "100000"],
            interruptAfter: #""event":"epoch""#)
        #expect(first.code == 130, "\(first)")
        let path = output.path("checkpoint.safetensors")
        let before = try Checkpoint(contentsOf: path).position.epoch
        let second = try NeedletailTool.run(command + ["--resume", path], interruptAfter: #""event":"epoch""#)
        #expect(second.code == 130, "\(second)")
        #expect(try second.events().first?["epochs"]?.number == 100000, "\(second)")
        #expect(try Checkpoint(contentsOf: path).position.epoch > before)
        let saved = FileManager.default.contents(atPath: path)
        try expectFailure(
            64, ["--epochs 1", path, "already"], ["train", "csv", file, "--resume", path, "--epochs", "1"])
        try expectFailure(64, ["--epochs 1"], command + ["--resume", path, "--epochs", "1"])
        #expect(FileManager.default.contents(atPath: path) == saved)
    }

    @Test func theBestEpochStandsBesideItsRunsCheckpoint() throws {
        let file = folder.write(kinds(90), to: "kinds.csv")
        _ = try train(file, "--target", "kind", "--epochs", "60")
        let other = TemporaryDirectory()
        // No epoch is better than one without a mistake.
        let resumed = try run([
            "train", "csv", file, "--resume", output.path("checkpoint.safetensors"), "--epochs", "61", "--output",
            other.path, "--json",
        ])
        #expect(resumed.code == 0, "\(resumed)")
        #expect(try resumed.events().last?["best_epoch"]?.number ?? 100 < 61, "\(resumed)")
        let files = try [output, other].map { try SafeTensorsFile(contentsOf: $0.path("best.safetensors")) }
        #expect(files[0] == files[1])
        // Another run's goes with its checkpoint.
        var options = RunOptions()
        (options.device, options.batchSize, options.outputDirectory) = (.cpu, 4, other.path)
        var subject = TableSubject(file)
        subject.target = "kind"
        let training = try TrainingRun(subject, options)
        training.isInterrupted = { true }
        guard case .interrupted = try training.run() else {
            Issue.record("the run was not stopped")
            return
        }
        #expect(training.best == nil)
        #expect(other.contents == ["checkpoint.safetensors", "history.csv", "report.html"], "\(other.contents)")
    }

    @Test(arguments: [("float32", 1.7e9, 2.0), ("float16", 150_000.0, 1000.0)])
    func largeNumbersThatDifferLittleArePredicted(_ dtype: String, _ base: Double, _ step: Double) throws {
        let file = folder.write(
            "x,y\n" + (0..<60).map { "\(Double($0 * 7 % 60) / 10),\(base + step * Double($0 * 7 % 60))\n" }.joined(),
            to: "large.csv")
        let trained = try train(
            file, "--target", "y", "--dtype", dtype, "--learning-rate", "0.01", "--hidden", "16, 8", "--json", "--quiet"
        )
        let events = try trained.events()
        #expect(events.count == 1 && events[0]["event"]?.text == "result", "\(trained)")
        let error = try #require(events[0]["validation_mae"]?.number, "\(trained)")
        #expect(error < 5 * step, "\(trained)")
        #expect(try #require(events[0]["validation_r2"]?.number) > 0.9, "\(trained)")
        let written = folder.path("predicted.csv")
        for source in [file, written] {
            let said = try run([
                "predict", "--checkpoint", output.path("checkpoint.safetensors"), source, "--output", written,
            ])
            #expect(said.code == 0, "\(said)")
            let rows = columns(try String(contentsOfFile: written, encoding: .utf8))
            #expect(rows.count == 61 && rows[0] == ["x", "y", "predicted_y"])
            for row in rows.dropFirst() {
                let (wanted, found) = (Double(row[1]) ?? .nan, Double(row[2]) ?? .nan)
                #expect(abs(wanted - found) < 20 * step, "\(row)")
            }
        }
    }

    @Test func aLossThatIsNoNumberIsSaidOnce() throws {
        let file = folder.write(prices(60), to: "prices.csv")
        let command = ["train", "csv", file, "--target", "price", "--epochs", "3", "--learning-rate", "1e30"]
        for more in [[], ["--quiet"], ["--json"]] {
            let trained = try run(command + ["--output", output.path] + more)
            #expect(trained.code == 0 && trained.errorLines.count == 1, "\(trained)")
            #expect(trained.errors.contains("no finite number; lower --learning-rate (1e+30)"), "\(trained)")
            #expect(!trained.output.contains("-nan"), "\(trained)")
        }
        let texts = [
            try String(contentsOfFile: output.path("history.csv"), encoding: .utf8),
            try run(["predict", "--checkpoint", output.path("checkpoint.safetensors"), file]).output,
        ]
        for text in texts { #expect(text.contains("nan") && !text.contains("-nan"), "\(text)") }
    }

    /// One field that is no number makes a column of numbers one of texts: that is not done in silence.
    @Test func theFieldThatSpoilsAColumnIsNamed() throws {
        let feature = folder.write(prices(60, spoilt: [3: "inf,3,town,house 3,20"]), to: "feature.csv")
        let trained = try train(feature, "--target", "price", "--epochs", "2")
        #expect(trained.output.contains("column 'size' would be numbers, but line 5 has 'inf'"), "\(trained)")
        let target = folder.write(prices(60, spoilt: [7: "1,3,town,house 3,abc"]), to: "target.csv")
        for more in [[], ["--task", "regression"]] {
            try expectFailure(
                65, ["line 9, column 'price': 'abc' is no number to predict", "--task classification"],
                ["train", "csv", target, "--target", "price"] + more)
        }
        // Numbers that come again may as well be classes.
        let rows = (0..<60).map { "\($0 % 7),\($0 == 7 ? "unknown" : "\($0 % 3)")\n" }
        let graded = folder.write("x,grade\n" + rows.joined(), to: "graded.csv")
        let classes = try train(graded, "--target", "grade", "--epochs", "2")
        #expect(classes.output.contains("column 'grade' would be numbers, but line 9 has 'unknown'"), "\(classes)")
        try expectFailure(
            65, ["line 9, column 'grade': 'unknown' is no number to predict"],
            ["train", "csv", graded, "--target", "grade", "--task", "regression"])
        let clean = folder.write(prices(60), to: "clean.csv")
        #expect(!(try train(clean, "--target", "price", "--epochs", "2")).output.contains("would be numbers"))
    }

    @Test func rowsInAnotherOrderAreAnotherTable() throws {
        var rows = (0..<40).map { "\(["red", "blue"][$0 % 2]),\(["round", "flat"][$0 / 2 % 2]),\(["a", "b"][$0 % 2])" }
        let file = folder.write("colour,form,kind\n" + rows.joined(separator: "\n"), to: "words.csv")
        _ = try train(file, "--target", "kind", "--epochs", "2")
        let checkpoint = output.path("checkpoint.safetensors")
        #expect(try run(["evaluate", "--checkpoint", checkpoint]).code == 0)
        rows.swapAt(3, 4)
        folder.write("colour,form,kind\n" + rows.joined(separator: "\n"), to: "words.csv")
        try expectFailure(65, [file, "another table", "--data"], ["evaluate", "--checkpoint", checkpoint])
        try expectFailure(
            65, [file, "another table"], ["train", "csv", file, "--resume", checkpoint, "--epochs", "3"])
    }

    @Test func categoriesThatMakeATableTooLargeAreNamed() throws {
        let file = folder.write("name,y\n" + (0..<17_000).map { "n\($0),\($0)\n" }.joined(), to: "wide.csv")
        try expectFailure(
            65, ["17000 rows of 17000 numbers", "'name'", "--features"],
            ["train", "csv", file, "--target", "y", "--features", "name"])
    }

    @Test func theReportIsMadeAgain() throws {
        let file = folder.write(kinds(60), to: "kinds.csv")
        _ = try train(file, "--target", "kind", "--epochs", "5")
        let path = output.path("report.html")
        let before = try String(contentsOfFile: path, encoding: .utf8)
        try FileManager.default.removeItem(atPath: path)
        let made = try run(["report", output.path])
        #expect(made.code == 0 && made.output == "\(path)\n" && made.errors == "", "\(made)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == before)
        // Without the data there are the curves at least.
        try FileManager.default.removeItem(atPath: file)
        let bare = try run(["report", output.path, "--json"])
        #expect(bare.code == 0 && bare.errors.contains("no predictions"), "\(bare)")
        #expect(bare.output.contains(#""predictions":false"#))
        try expectFailure(65, [folder.path, "checkpoint.safetensors"], ["report", folder.path])
    }

    // MARK: What is wrong

    @Test func whatIsWrongWithATableIsSaid() throws {
        let file = folder.write(kinds(30), to: "kinds.csv")
        let command = ["train", "csv", file, "--output", output.path]
        try expectFailure(64, ["--target is missing"], command)
        try expectFailure(65, ["no column 'colour'", "'x', 'y', 'kind'"], command + ["--target", "colour"])
        try expectFailure(
            65, ["no column 'z'"], command + ["--target", "kind", "--features", "x,z"])
        try expectFailure(64, ["'kind'", "target"], command + ["--target", "kind", "--features", "x,kind"])
        try expectFailure(65, ["no number"], command + ["--target", "kind", "--task", "regression"])
        try expectFailure(64, ["--validation 1.0"], command + ["--target", "kind", "--validation", "1"])
        try expectFailure(64, ["--hidden '8,,2'"], command + ["--target", "kind", "--hidden", "8,,2"])
        try expectFailure(64, ["--task"], command + ["--target", "kind", "--task", "guess"])
        try expectFailure(64, ["--tensorboard"], ["train", "csv", file, "--target", "kind", "--tensorboard"])
        let one = folder.write("x,kind\n1,a\n2,a\n3,a\n", to: "one.csv")
        try expectFailure(65, ["one class, 'a'"], ["train", "csv", one, "--target", "kind"])
        try expectFailure(65, ["30 rows are too few"], command + ["--target", "kind", "--validation", "0.01"])
        let all = folder.write("x,kind\n1,a\n2,b\n", to: "all.csv")
        try expectFailure(65, ["2 different texts in 2 rows"], ["train", "csv", all, "--target", "kind"])
        let none = folder.write("", to: "none.csv")
        try expectFailure(65, [none, "no line"], ["train", "csv", none, "--target", "kind"])
        try expectFailure(1, ["absent.csv"], ["train", "csv", folder.path("absent.csv"), "--target", "kind"])
        let broken = folder.write("x,kind\n1,a\n2\n", to: "broken.csv")
        try expectFailure(65, ["line 3", "1 fields"], ["train", "csv", broken, "--target", "kind"])
        #expect(output.contents == [])
    }

    @Test func whatIsWrongWithRowsToPredictIsSaid() throws {
        let file = folder.write(prices(60), to: "prices.csv")
        _ = try train(file, "--target", "price", "--epochs", "1")
        let checkpoint = output.path("checkpoint.safetensors")
        func predict(_ text: String) -> [String] {
            ["predict", "--checkpoint", checkpoint, folder.write(text, to: "rows.csv")]
        }
        try expectFailure(65, ["no column 'place'"], predict("size,age\n1,2\n"))
        try expectFailure(65, ["line 3, column 'age'", "'old'"], predict("size,age,place\n1,2,land\n1,old,land\n"))
        try expectFailure(
            65, ["line 2, column 'place'", "'sea'", "train on a table"], predict("size,age,place\n1,2,sea\n"))
        try expectFailure(
            65, ["line 2, column 'size'", "missing", "--missing mean"], predict("size,age,place\n,2,land\n"))
        try expectFailure(65, ["has no row"], predict("size,age,place\n"))
        let rows = predict("size,age,place\n1,2,land\n")
        try expectFailure(64, ["--top 2"], rows + ["--top", "2"])
        try expectFailure(64, ["one .csv file"], rows + [folder.path("rows.csv")])
        try expectFailure(
            64, ["picture.png", "of a table's rows"],
            ["predict", "--checkpoint", checkpoint, folder.path("picture.png")])
        try expectFailure(1, ["/dev/null/here"], rows + ["--output", "/dev/null/here"])
    }

    @Test func aCheckpointIsResumedAsItWasTrainedOnly() throws {
        let file = folder.write(prices(60), to: "prices.csv")
        _ = try train(file, "--target", "price", "--epochs", "1")
        let resume = ["--resume", output.path("checkpoint.safetensors")]
        let command = ["train", "csv", file] + resume
        let contradictions = [
            ["--target", "place"], ["--hidden", "8"], ["--validation", "0.5"], ["--missing", "drop"],
            ["--task", "classification"], ["--features", "size"], ["--seed", "4"], ["--patience", "2"],
            ["--batch-size", "7"], ["--dtype", "float64"],
        ]
        for options in contradictions {
            try expectFailure(64, [options.joined(separator: " "), "leave the option out"], command + options)
        }
        try expectFailure(65, ["train csv", "mnist"], ["train", "mnist"] + resume)
        let other = folder.write(prices(60, spoilt: [3: "900,3,land,house,40"]), to: "other.csv")
        try expectFailure(65, ["another table"], ["train", "csv", other] + resume)
    }

    @Test(arguments: ["encoder", "hidden", "epochs", "kind"])
    func aCheckpointWithASpoiltRecipeIsBadData(_ key: String) throws {
        let file = folder.write(prices(60), to: "prices.csv")
        _ = try train(file, "--target", "price", "--epochs", "1")
        let path = output.path("checkpoint.safetensors")
        var saved = try SafeTensorsFile(contentsOf: path)
        let callbacks = try #require(saved.metadata["callbacks"])
        let place = try #require(callbacks.range(of: "\"\(key)\":["))
        let end = try #require(callbacks[place.upperBound...].firstIndex(of: "]"))
        saved.metadata["callbacks"] =
            key == "encoder"
            ? callbacks.replacingOccurrences(of: "\"encoder\":[", with: "\"encoder\":[\"no\",")
            : callbacks.replacingCharacters(in: place.upperBound..<end, with: "\"no\"")
        try saved.write(to: path)
        // Only training asks how many epochs there are to be.
        if key != "epochs" { try expectFailure(65, [path, "'\(key)'"], ["evaluate", "--checkpoint", path]) }
        try expectFailure(65, [path, "'\(key)'"], ["train", "csv", file, "--resume", path])
    }
}
