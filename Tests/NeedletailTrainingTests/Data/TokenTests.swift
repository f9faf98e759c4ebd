import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("Tokens of texts")
struct TokenTests {
    @Test("characters have numbers in their order, words by how often they come")
    func makesVocabularies() throws {
        let characters = Vocabulary(of: "hello world\n", by: .character)
        #expect(characters.tokens == ["\n", " ", "d", "e", "h", "l", "o", "r", "w"])
        #expect(try characters.encode("hold") == [4, 6, 5, 2])
        #expect(characters.decode([4, 6, 5, 2]) == "hold")
        #expect(Vocabulary(of: "e\u{301}a\u{1F469}\u{200D}\u{1F680}", by: .character).count == 3)
        let words = Vocabulary(
            of: "The cat's mat; the mat. A well-known cat's day - 42!", by: .word, lowercased: true,
            specials: [.padding, .unknown, .mask])
        #expect(
            words.tokens == [
                "<pad>", "<unk>", "<mask>", "cat's", "mat", "the", "!", "-", ".", "42", ";", "a", "day", "well-known",
            ])
        #expect(try words.encode("THE dog") == [5, 1])
        #expect(words.decode([5, 4, 8, 11, 13, 99]) == "the mat. a well-known <unk>")
        #expect(words.number(of: .mask) == 2 && words.number(of: "cat's") == 3 && words.number(of: "dog") == nil)
    }

    @Test("rare tokens are left out, and what is not there is refused or unknown")
    func limits() throws {
        let text = "a a a b b c"
        #expect(Vocabulary(of: text, by: .word, minimumCount: 2).tokens == ["a", "b"])
        #expect(Vocabulary(of: text, by: .word, specials: [.unknown], maximumCount: 2).tokens == ["<unk>", "a"])
        #expect(Vocabulary(of: text, by: .word, specials: [.mask, .mask]).tokens == ["<mask>", "a", "b", "c"])
        expectDataError(.data, "token 1, 'z', is not in the vocabulary") {
            _ = try Vocabulary(of: text, by: .word).encode("a z")
        }
        #expect(Vocabulary(of: "", by: .word).count == 0)
    }

    @Test("a vocabulary that was saved is the same")
    func saves() throws {
        let scratch = ScratchDirectory()
        let vocabulary = Vocabulary(of: "one \"two\" \u{1F680}", by: .word, lowercased: true, specials: [.unknown])
        let path = "\(scratch.path)/words.json"
        try vocabulary.save(to: path)
        let again = try Vocabulary(contentsOf: path)
        #expect(again == vocabulary)
        #expect(try again.encode("TWO three") == vocabulary.encode("TWO three"))
        for text in [
            "[]", "{\"unit\": \"word\", \"lowercased\": true, \"specials\": [], \"tokens\": [\"a\", \"a\"]}",
            "{\"unit\": \"word\", \"lowercased\": true, \"specials\": [\"<pad>\"], \"tokens\": [\"a\"]}",
        ] {
            expectDataError(.data, "bad.json: is no file of a vocabulary") {
                _ = try Vocabulary(contentsOf: scratch.write(text, to: "bad.json"))
            }
        }
        #expect(try Vocabulary.text(of: scratch.write("\u{FEFF}hé", to: "text.txt")) == "hé")
        expectDataError(.data, "latin.txt: is no text in UTF-8") {
            _ = try Vocabulary.text(of: scratch.write([0xE9], to: "latin.txt"))
        }
    }

    @Test("pieces and the tokens behind them cover the text")
    func cutsPieces() throws {
        let tokens = (0..<10).map { Int64($0) }
        let data = NextTokenDataset(tokens, length: 3)
        #expect(data.count == 3)
        #expect(try data.example(at: 2) == Example(HostArray([Int64(6), 7, 8]), HostArray([Int64(7), 8, 9])))
        #expect(NextTokenDataset(tokens, length: 3, stride: 1).count == 7)
        #expect(NextTokenDataset(tokens, length: 9).count == 1 && NextTokenDataset(tokens, length: 10).count == 0)
        #expect(NextTokenDataset([], length: 1).count == 0)
        let batch = Array(DataLoader(data, batchSize: 2).epoch(0))[0]
        #expect(batch.features.shape == [2, 3] && batch.labels.dtype == .int64)
        let resident = try TensorDataset(loading: data)
        #expect(resident.count == 3 && resident.stored.allSatisfy { $0.dtype == .int64 && $0.shape == [3, 3] })
        let lines = TokenSequences(lines: [[1, 2], [3, 4, 5, 6], []], length: 3, padding: 0)
        #expect(
            try (0..<3).map { try lines.example(at: $0).arrays[0].scalars(as: Int.self) } == [
                [1, 2, 0], [3, 4, 5], [0, 0, 0],
            ])
        #expect(TokenSequences(tokens, length: 4, stride: 2).count == 4)
        expectDataError(.invalidArgument, "example 3: the dataset has 3") { _ = try data.example(at: 3) }
        expectDataError(.invalidArgument, "NextTokenDataset(length: 0, stride: 0)") {
            _ = NextTokenDataset(tokens, length: 0)
        }
    }

    @Test("hidden words are drawn at the rate asked for, never special ones, and one at least")
    func masks() throws {
        let text = (0..<50).map { "w\($0)" }.joined(separator: " ")
        let vocabulary = Vocabulary(of: text, by: .word, specials: [.padding, .mask])
        let line = try vocabulary.encode(text)
        let data = TokenSequences(lines: Array(repeating: line, count: 400), length: 60, padding: 0)
        let loader = DataLoader(data, batchSize: 400, seed: 2, exampleTransform: maskingTokens(vocabulary))
        let batch = Array(loader.epoch(0))[0]
        let inputs: [Int64] = try batch.features.scalars()
        let targets: [Int64] = try batch.labels.scalars()
        var (asked, masked, kept, other) = (0, 0, 0, 0)
        for (place, (input, target)) in zip(inputs, targets).enumerated() {
            let original = place % 60 < 50 ? line[place % 60] : 0
            guard target != -100 else {
                #expect(input == original)
                continue
            }
            #expect(target == original && target >= 2)
            asked += 1
            if input == 1 { masked += 1 } else if input == target { kept += 1 } else { other += 1 }
            #expect(input >= 1)
        }
        // 20,000 tokens: 3 sigma of the shares asked, and of those hidden.
        #expect(abs(Double(asked) / 20_000 - 0.15) < 0.0076)
        #expect(abs(Double(masked) / Double(asked) - 0.8) < 0.022)
        #expect(abs(Double(kept) / Double(asked) - 0.102) < 0.017)
        #expect(other > 200)
        // The next epoch hides others, the same one the same.
        #expect(try Array(loader.epoch(0))[0].features.bytes() == batch.features.bytes())
        #expect(try Array(loader.epoch(1))[0].features.bytes() != batch.features.bytes())
        var random = SeededRandom(1)
        let short = try maskingTokens(vocabulary, probability: 0)(Example([HostArray([Int64(0), 5])]), &random)
        #expect(short.arrays[1].scalars(as: Int.self) == [-100, 5])
        let empty = try maskingTokens(vocabulary)(Example([HostArray([Int64(0), 1])]), &random)
        #expect(empty.arrays[1].scalars(as: Int.self) == [-100, -100])
        expectDataError(.invalidArgument, "a vocabulary without <mask>") {
            _ = maskingTokens(Vocabulary(of: text, by: .word))
        }
    }
}
