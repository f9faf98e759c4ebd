import DeviceSupport
import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// The self-test's probes of quotients and square roots, on devices that are known to divide rightly or wrongly.
@Suite struct QuotientProbeTests {
    @Test(arguments: [(InterpreterDevice.Quotients.exact, true), (.loose, false), (.expanded, true)])
    func theProbesTellWhetherADeviceDividesRightly(_ quotients: InterpreterDevice.Quotients, _ isRight: Bool) throws {
        let device = InterpreterDevice(.common(.gpu), quotients: quotients)
        let test = DeviceSelfTest(identity: "interpreter", configuration: RuntimeConfiguration())
        #expect(try test.dividesExactly(on: device) == isRight)
        // A device that divides loosely is no broken one.
        try test.run(on: device)
    }

    /// Every row of the operations themselves, with remainders put right.
    @Test(arguments: [ShaderTarget.DeviceClass.cpu, .gpu]) func rowsThatDividePassWhereDivisionIsPutRight(
        _ deviceClass: ShaderTarget.DeviceClass
    ) {
        let names = ["divide", "reciprocal", "sqrt", "rsqrt"].map { "fused/\($0)/" }
        func failures(_ quotients: InterpreterDevice.Quotients) -> [ConformanceResult] {
            let device = InterpreterDevice(.common(deviceClass), quotients: quotients)
            let rows = ConformanceCatalogue.cases(for: device.description).filter { row in
                names.contains { row.name.hasPrefix($0) }
            }
            #expect(rows.count > 50)
            return rows.map { ConformanceSuite().run($0, on: device) }.filter { !$0.passed }
        }
        let left = failures(.expanded)
        #expect(left.isEmpty, "\(left.prefix(5))")
        #expect(!failures(.loose).isEmpty)
    }
}
