import Needletail
import NeedletailCLI
import NeedletailTraining
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("a value prints on one line with its keys in order")
    func prints() {
        let value: JSONValue = [
            "event": "result", "a\"\n": [1, -2.5, true, nil], "loss": .number(.nan), "large": .number(1e300), "o": [:],
        ]
        #expect(
            value.description
                == #"{"event":"result","a\"\n":[1,-2.5,true,null],"loss":null,"large":1e+300,"o":{}}"#)
    }

    @Test("what is printed is parsed back, in order")
    func roundTrip() throws {
        let value: JSONValue = [
            "z": 1, "a": ["\u{1F426}\u{1}\\/", 0.1, .integer(.max), .integer(.min)], "b": [[], [:], false],
        ]
        #expect(try JSONParser.parse(Array(value.description.utf8)) == value)
        #expect(try JSONParser.parse(Array(#" "\ud83d\udc26\u00e4\/\b\f" "#.utf8)) == "\u{1F426}ä/\u{8}\u{C}")
    }

    @Test("numbers are integers only where they are exact")
    func keepsNumbers() throws {
        #expect(try JSONParser.parse(Array("9223372036854775807".utf8)) == .integer(.max))
        #expect(try JSONParser.parse(Array("9223372036854775808".utf8)) == .number(9_223_372_036_854_775_808))
        #expect(try JSONParser.parse(Array("-0.5E+1".utf8)) == .number(-5))
    }

    @Test(
        "malformed text is an error",
        arguments: [
            "", " ", "01", "-", "1.", ".5", "1e", "+1", "tru", "\"", "\"\\", "\"\\u12\"", "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"", "[1,]", "[1 2]", "{\"a\":1,\"a\":2}", "{1:2}", "{\"a\"}", "1 1", "NaN", "[",
        ])
    func refuses(_ text: String) {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(Array(text.utf8)) }
    }
}

@Suite("The progress bar")
struct ProgressBarTests {
    private let bar = ProgressBar(label: "epoch 1/6", total: 938, images: (64, 60_000), isEnabled: true)

    @Test("it says step, loss, accuracy, speed and time left")
    func saysAll() {
        let line = bar.line(
            step: 469, elapsed: 2, metrics: .init(loss: 0.25, accuracy: 0.915), width: 140)
        #expect(
            line
                == "epoch 1/6 [===============               ] 469/938  loss 0.2500  accuracy 91.50 %  "
                + "15008 images/s  00:02 left"
        )
    }

    @Test("the speed of a resumed epoch is that of its own images")
    func countsItsOwnImages() {
        let resumed = ProgressBar(label: "", total: 938, firstStep: 900, images: (64, 60_000), isEnabled: true)
        func facts(_ step: Int) -> String { resumed.line(step: step, elapsed: 2, metrics: .init(), width: 140) }
        #expect(facts(920).contains("920/938  640 images/s  00:02 left"), "\(facts(920))")
        // 57,600 were before; the last step has 32.
        #expect(facts(938).contains("938/938  1200 images/s  00:00 left"), "\(facts(938))")
        #expect(!facts(900).contains("images/s"))
    }

    @Test("it is never wider than the terminal", arguments: 0..<200)
    func fits(_ width: Int) {
        for step in [0, 1, 938, 2000] {
            let line = bar.line(step: step, elapsed: 100_000, metrics: .init(loss: .nan), width: width)
            #expect(line.count <= max(width - 1, 0))
        }
    }

    @Test("it asks for no metrics where it draws nothing")
    func isSilent() {
        var silent = ProgressBar(label: "", total: 2, images: (1, 2), isEnabled: false)
        silent.update(step: 1) {
            Issue.record("metrics were read")
            return .init()
        }
        silent.clear()
    }
}
