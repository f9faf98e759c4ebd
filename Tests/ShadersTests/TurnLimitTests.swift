import KernelIR
import Shaders
import TensorConformance
import TensorRuntime
import Testing

/// Processors that play the GPU and leave a work-item's loops after 65,535 turns (llvmpipe): every row of the catalogue has a
/// schedule whose bound is below that.
@Suite struct TurnLimitTests {
    @Test func everyRowHasAScheduleWhoseLoopsEndInTime() throws {
        var target = ShaderTarget.common(.gpu)
        target.computeUnits = 2
        target.emulatesWorkgroups = true
        let library = ShaderLibrary(target: target)
        let rows = ConformanceCatalogue.cases(for: InterpreterDevice(target).description)
        #expect(rows.count > 4000)
        var refused: [String] = []
        for row in rows {
            let fits = try library.schedules(for: row.spec).contains { schedule in
                try library.plan(row.spec, schedule: schedule).launches.allSatisfy { launch in
                    launch.workgroups.min() == 0 || (launch.turnBound(of: launch.build()) ?? .max) <= 65_535
                }
            }
            if !fits { refused.append(row.name) }
        }
        #expect(refused.isEmpty, "refused: \(refused)")
    }
}
