import Needletail
import Testing

/// Formulas with a parameter in place of its value.
@Suite struct ParameterFormulaTests {
    @Test func aForgottenValueCompilesAndIsDifferentiated() throws {
        let w = Parameter(Tensor([2, 3] as [Float]))
        let x = Tensor([1, 2] as [Float])
        let y = Tensor([4, 1] as [Float])
        let rosenbrock = (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * w)
        #expect(try rosenbrock.scalars(as: Float.self) == [600, 1501])
        let mixed = 2 * x + w * y - 3 * x * (1 - x) + 0.5 * (x - y) * (x - y)
        #expect(try mixed.scalars(as: Float.self) == [14.5, 13.5])
        #expect(try (2 * x + w * y - 3).scalars(as: Float.self) == [7, 4])
        rosenbrock.sum().backward()
        #expect(try #require(w.grad).scalars(as: Float.self) == [-300, 600])
    }

    @Test func everyOperatorTakesAParameterOnEitherSide() throws {
        let w = Parameter(Tensor([6] as [Float]))
        let x = Tensor([3] as [Float])
        let results = [
            w + x, w - x, w * x, w / x, x + w, x - w, x * w, x / w, w + w, w - w, w * w, w / w, w + 2, w - 2, w * 2,
            w / 2, 2 + w, 2 - w, 2 * w, 3 / w, -w,
        ]
        #expect(
            try results.map { try $0.item() } == [
                9, 3, 18, 2, 9, -3, 18, 0.5, 12, 0, 36, 1, 8, 4, 12, 3, 8, -4, 12, 0.5, -6,
            ])
        #expect(results.allSatisfy { $0.requiresGrad })
    }

    @Test func anIntIsAnExponentOfANumber() throws {
        let x = Tensor([1] as [Float])
        let y = Tensor([2] as [Float])
        let n = 3
        // The compiler gives up where `pow` has no such form.
        let stepped = x - 0.001 * (y / (1 - pow(0.9, n))) / ((y / (1 - pow(0.999, n))).sqrt() + 1e-8)
        let root = (2 / (1 - 0.999 * 0.999 * 0.999)).squareRoot()
        #expect(abs(try stepped.item() - (1 - 0.001 * (2 / (1 - 0.729)) / root)) < 1e-6)
        #expect(pow(0.5, -2) == 4 && pow(2.0, 10) == 1024)
    }

    @Test func aParameterIsPrintedWithItsValue() {
        let w = Parameter(Tensor([2, 3] as [Float]))
        #expect("\(w)" == "Parameter containing:\n\(w.value)")
        #expect("\(w)".hasSuffix(", requiresGrad=true)"))
    }
}
