import Needletail
import TensorRuntime

/// Pieces of a text for a model that says what comes next: `length` tokens, and the tokens one further, int64 `[length]`
/// each.
public struct NextTokenDataset: Dataset {
    /// The whole text.
    public let tokens: [Int64]
    /// Tokens of a piece.
    public let length: Int
    /// Tokens from the beginning of a piece to that of the next.
    public let stride: Int

    /// - Parameters:
    ///   - length: tokens of a piece, 1 or more.
    ///   - stride: nil is `length`, so that each token is asked for once; 1 is every piece that there is.
    public init(
        _ tokens: [Int64], length: Int, stride: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        (self.length, self.stride) = checkedPieces("NextTokenDataset", length, stride, CallSite(file, line))
        self.tokens = tokens
    }

    /// Pieces that have a token behind them.
    public var count: Int { pieceCount(tokens.count - 1, length, stride) }

    public func example(at index: Int) throws -> Example {
        guard (0..<count).contains(index) else { throw TensorError.noExample(index, of: count) }
        let start = index * stride
        return Example(
            HostArray(Array(tokens[start..<(start + length)])),
            HostArray(Array(tokens[(start + 1)..<(start + length + 1)])))
    }
}

/// Pieces of a text, or its lines: int64 `[length]`. ``maskingTokens(_:probability:)`` makes a task of them.
public struct TokenSequences: Dataset {
    /// Tokens of a piece.
    public let length: Int
    private let tokens: [Int64]
    private let stride: Int

    public let count: Int

    /// Pieces of a text.
    ///
    /// - Parameters:
    ///   - length: tokens of a piece, 1 or more.
    ///   - stride: from the beginning of one to that of the next; nil is `length`.
    public init(
        _ tokens: [Int64], length: Int, stride: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        (self.length, self.stride) = checkedPieces("TokenSequences", length, stride, CallSite(file, line))
        self.tokens = tokens
        count = pieceCount(tokens.count, self.length, self.stride)
    }

    /// Lines, each filled up or cut to one length.
    ///
    /// - Parameter padding: what stands behind a short line: `vocabulary.number(of: .padding)`.
    public init(
        lines: [[Int64]], length: Int, padding: Int64, file: StaticString = #fileID, line: UInt = #line
    ) {
        let (checked, stride) = checkedPieces("TokenSequences", length, nil, CallSite(file, line))
        self.length = checked
        self.stride = stride
        tokens = lines.flatMap { line in
            line.prefix(checked) + Array(repeating: padding, count: checked - min(line.count, checked))
        }
        count = lines.count
    }

    public func example(at index: Int) throws -> Example {
        guard (0..<count).contains(index) else { throw TensorError.noExample(index, of: count) }
        return Example([HostArray(Array(tokens[(index * stride)..<(index * stride + length)]))])
    }
}

/// Makes examples for a model that finds hidden words: the tokens with some of them hidden, and what they were, -100 where
/// nothing is asked (what `crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)` ignores).
///
///     let loader = DataLoader(
///         TokenSequences(lines: lines, length: 12, padding: 0), batchSize: 16, exampleTransform: maskingTokens(vocabulary))
///
/// Of the tokens that are drawn, 8 of 10 become `<mask>`, 1 another token, 1 stays. Special tokens are never drawn; where no
/// token is, one is all the same.
/// Source: [Devlin et al., section 3.1](https://arxiv.org/abs/1810.04805).
///
/// - Parameters:
///   - vocabulary: one with `.mask` among its specials.
///   - probability: of each token.
public func maskingTokens(
    _ vocabulary: Vocabulary, probability: Double = 0.15, file: StaticString = #fileID, line: UInt = #line
) -> DataLoader.ExampleTransform {
    let site = CallSite(file, line)
    let mask = vocabulary.number(of: .mask)
    if mask == nil {
        WrongCall.report(
            "maskingTokens", "a vocabulary without <mask>", remedy: "make it with specials: [.mask]", at: site)
    }
    if !(0...1).contains(probability) {
        WrongCall.report(
            "maskingTokens", "a probability of \(probability)", remedy: "use a number from 0 to 1", at: site)
    }
    let first = vocabulary.specials.count
    let (known, hidden) = (vocabulary.count, mask ?? 0)
    return { example, random in
        guard let array = example.arrays.first, array.dtype.kind == .integer else {
            throw TensorError(.data, "maskingTokens: an example without integers; give it tokens")
        }
        var tokens: [Int64] = array.scalars()
        var targets = [Int64](repeating: -100, count: tokens.count)
        let candidates = tokens.indices.filter { tokens[$0] >= Int64(first) }
        var drawn = candidates.filter { _ in random.uniform() < probability }
        if drawn.isEmpty, !candidates.isEmpty { drawn = [candidates[random.index(below: candidates.count)]] }
        for place in drawn {
            targets[place] = tokens[place]
            let way = random.uniform()
            if way < 0.8 {
                tokens[place] = hidden
            } else if way < 0.9 {
                tokens[place] = Int64(first + random.index(below: known - first))
            }
        }
        return Example(HostArray(tokens, shape: array.shape), HostArray(targets, shape: array.shape))
    }
}

private func checkedPieces(
    _ name: String, _ length: Int, _ stride: Int?, _ site: CallSite
) -> (length: Int, stride: Int) {
    if length < 1 || (stride ?? 1) < 1 {
        WrongCall.report(
            "\(name)(length: \(length), stride: \(stride ?? length))", "no pieces of a text", remedy: "use 1 or more",
            at: site)
    }
    return (max(length, 1), max(stride ?? length, 1))
}

private func pieceCount(_ tokens: Int, _ length: Int, _ stride: Int) -> Int {
    tokens < length ? 0 : (tokens - length) / stride + 1
}
