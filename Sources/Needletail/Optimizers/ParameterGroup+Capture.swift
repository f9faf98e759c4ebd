import TensorGraph
import TensorRuntime

/// A rule that says its numbers, so that a replay need not trace it for them.
protocol NumberedRule: UpdateRule {
    /// The scalar operands of ``UpdateRule/update(_:gradient:state:step:)``, in the order in which they are used.
    func numbers(step: Int) -> [Double]
}

/// A call of a rule in a captured step.
struct CapturedUpdate {
    /// The parameters that it was for.
    let range: Range<Int>
    /// The number of their step.
    let step: Int
    let result: Tensor
    /// The number that the first value traced by it may have.
    let firstValue: UInt64
}

extension ParameterGroup: Carrier {
    /// For each flat tensor, the parameters and their state.
    private var valuesOfFlat: Int { 1 + heldRows.count }

    package var carriedCount: Int { flats.reduce(0) { $0 + 1 + $1.state.count } }

    package func carried(_ index: Int) -> Handle? {
        let (flat, place) = index.quotientAndRemainder(dividingBy: valuesOfFlat)
        guard flats.indices.contains(flat), place <= flats[flat].state.count else { return nil }
        return place == 0 ? flats[flat].value.handle : flats[flat].state[place - 1].handle
    }

    package func setCarried(_ handles: [Handle?]) {
        var rest = handles.compactMap { $0.map { Tensor($0) } }[...]
        for index in flats.indices {
            let count = 1 + flats[index].state.count
            let own = rest.prefix(count)
            rest = rest.dropFirst(count)
            flats[index].replace(value: own.first!, state: Array(own.dropFirst()))
        }
    }

    package var carrierName: String { "an optimizer's parameters and state" }

    /// The forward pass has read the parameters, nothing the state.
    package func isMovable(_ index: Int) -> Bool { index % valuesOfFlat != 0 }

    // MARK: A captured step

    func beginCapture(_ capture: Capture) {
        capture.own(self)
        let steps = flats.map(\.steps)
        capture.atEnd { [self] in
            for (index, steps) in steps.enumerated() where flats.indices.contains(index) { flats[index].steps = steps }
        }
    }

    /// Makes the numbers of a rule's update a source's.
    func onUpdate(of flat: Int, in capture: Capture) -> (CapturedUpdate) -> Void {
        { [self] update in
            let (range, result, first) = (update.range, update.result, update.firstValue)
            let expected = numberedRule?.numbers(step: update.step).map { Scalar.float($0) }
            if let expected {
                let source = RuleSource(self, flat: flat, range: range, isTraced: false)
                capture.append(source)
                if capture.attach(source, toValuesSince: first, with: result.handle, expected: expected) != nil {
                    return
                }
                capture.remove(source)
            }
            let source = RuleSource(self, flat: flat, range: range, isTraced: true)
            capture.append(source)
            _ = capture.attach(source, toValuesSince: first, with: result.handle, expected: nil)
        }
    }

    /// The numbers of the next step of some parameters, which have made equally many; nil where the rule has to be traced for
    /// them and does not say them.
    func numbers(ofNextStepOf flat: Int, _ range: Range<Int>, isTraced: Bool) -> [Scalar]? {
        if isTraced { return withNoGrad { flats[flat].tracedNumbers(rule, range) } }
        return numberedRule?.numbers(step: flats[flat].steps[range.lowerBound] + 1).map { .float($0) }
    }

    func countStep(of flat: Int, _ range: Range<Int>) {
        for index in range { flats[flat].steps[index] += 1 }
    }
}
