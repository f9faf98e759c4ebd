import TensorGraph
import TensorRuntime

/// A generator's place in its numbers: a replay draws what an uncaptured step would.
final class GeneratorSource: CaptureSource {
    var values: [Scalar] = []
    private let generator: Generator
    private let start: Generator.State
    /// How far from the start of the step each draw begins.
    private var distances: [UInt64] = []
    /// Draws whose numbers went to the host.
    private var hostDraws = 0

    init(_ generator: Generator, start: Generator.State) {
        self.generator = generator
        self.start = start
    }

    var name: String { "generator" }

    func draw() { hostDraws += 1 }

    /// Says that a draw is the key and the offset of a value's numbers.
    func attach(_ draw: Generator.State, to handle: Handle, in capture: Capture) {
        hostDraws -= 1
        distances.append(draw.offset &- start.offset)
        capture.attach(GeneratorSource.scalars(draw), of: self, to: handle)
    }

    private static func scalars(_ state: Generator.State) -> [Scalar] {
        [.int(Int64(bitPattern: state.key)), .int(Int64(bitPattern: state.offset))]
    }

    /// How many numbers a step draws; known once it is captured.
    var count: UInt64 = 0

    func captureComplaint() -> String? {
        count = generator.state.offset &- start.offset
        if hostDraws == 0 { return nil }
        return
            "random numbers are drawn on the host (a permutation, a new layer), which would be the same at each replay; "
            + "draw them before the capture"
    }

    func advance() {
        let now = generator.advance(by: count)
        for (draw, distance) in distances.enumerated() {
            values[2 * draw] = .int(Int64(bitPattern: now.key))
            values[2 * draw + 1] = .int(Int64(bitPattern: now.offset &+ distance))
        }
    }
}

/// The numbers of an optimizer's step: learning rate, bias corrections.
final class RuleSource: CaptureSource {
    var values: [Scalar] = []
    private let group: ParameterGroup
    private let flat: Int
    private let range: Range<Int>
    /// Whether the rule is traced for its numbers, since it does not say them.
    private let isTraced: Bool
    /// What of the rule the captured step was made of, beside its numbers.
    private let form: [String]
    /// How often the group's rule had been set when it was found to be of that form, with as many numbers as the step takes.
    private var fitting = 0

    init(_ group: ParameterGroup, flat: Int, range: Range<Int>, isTraced: Bool) {
        self.group = group
        self.flat = flat
        self.range = range
        self.isTraced = isTraced
        form = RuleSource.form(of: group.rule)
    }

    var name: String { "\(group.rule.name) step" }

    /// The rule's type, its state, and its switches: with another of these it computes something else.
    private static func form(of rule: any UpdateRule) -> [String] {
        let switches = Mirror(reflecting: rule).children.compactMap { property in
            (property.value as? Bool).map { "\(property.label ?? "") \($0)" }
        }
        return [String(reflecting: type(of: rule))] + rule.stateNames + switches
    }

    private func numbers() -> [Scalar]? {
        group.numbers(ofNextStepOf: flat, range, isTraced: isTraced)
    }

    func complaint() -> String? {
        if fitting == group.ruleChanges { return nil }
        if form == RuleSource.form(of: group.rule), isTraced || numbers()?.count == values.count {
            fitting = group.ruleChanges
            return nil
        }
        return "the rule of \(group.carrierName) is another than the captured one; capture the step again"
    }

    func advance() {
        // A rule that is traced and became another keeps its numbers: nothing may fail here.
        if let numbers = numbers(), numbers.count == values.count { values = numbers }
        group.countStep(of: flat, range)
    }
}

/// Something on the host that goes on at each replay.
package final class HostStep: CaptureSource {
    package var values: [Scalar] = []
    private let body: () -> Void

    package init(_ body: @escaping () -> Void) { self.body = body }

    package var name: String { "host step" }
    package func advance() { body() }
}

extension Capture {
    /// Says that a draw of a generator, just made, is what a value's numbers come from.
    func attach(_ draw: Generator.State, of generator: Generator, to handle: Handle) {
        source(of: generator) { GeneratorSource(generator, start: draw) }.attach(draw, to: handle, in: self)
    }

    /// Notes a draw of a generator, before it moves on.
    func willDraw(from generator: Generator) {
        source(of: generator) {
            let start = generator.state
            atEnd { generator.state = start }
            return GeneratorSource(generator, start: start)
        }.draw()
    }
}
