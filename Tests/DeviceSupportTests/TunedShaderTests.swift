import DeviceSupport
import Foundation
import Shaders
import TensorRuntime
import TestSupport
import Testing

/// Plans, the choice of schedules, and the table of those that were measured.
@Suite struct TunedShaderTests {
    private static func shaders(
        _ target: ShaderTarget = Sample.target, _ change: (inout RuntimeConfiguration) -> Void = { _ in }
    ) -> TunedShaders {
        var configuration = RuntimeConfiguration()
        configuration.cacheDirectory = nil
        change(&configuration)
        return TunedShaders(target: target, backend: "sample", identity: "driver 1", configuration: configuration)
    }

    @Test func anotherScheduleIsTakenWhereTheDriverHasTooLittleForOne() throws {
        func choose(_ errors: [String: TensorError.Kind]) throws(TensorError) -> String {
            try TunedShaders.firstSupported([nil, "large", "small"]) { (schedule) throws(TensorError) in
                let name = schedule ?? "tuned"
                if let kind = errors[name] { throw TensorError(kind, name) }
                return name
            }
        }
        #expect(try choose([:]) == "tuned")
        #expect(try choose(["tuned": .unsupported, "large": .unsupported]) == "small")
        // All refused: the first one's reason. Anything else ends the search.
        let all: [String: TensorError.Kind] = ["tuned": .unsupported, "large": .unsupported, "small": .unsupported]
        #expect(throws: TensorError(.unsupported, "tuned")) { try choose(all) }
        let failing: [String: TensorError.Kind] = ["tuned": .unsupported, "large": .deviceFailure]
        #expect(throws: TensorError(.deviceFailure, "large")) { try choose(failing) }
    }

    @Test func aSpecificationIsPlannedOnceHoweverOftenItIsAskedAbout() throws {
        let shaders = Self.shaders()
        let specs = [Sample.spec(), Sample.spec(count: 17)]
        let launches = shaders.prepare(specs)
        #expect(launches.count == 2 && shaders.planCount == 2)
        for spec in specs {
            #expect(shaders.unsupportedReason(spec) == nil)
            let made = try shaders.make(spec) { (plan) throws(TensorError) in plan.launches.map(\.key) }
            #expect(!made.isEmpty)
        }
        #expect(shaders.planCount == 2)
        // What comes next takes its place.
        _ = shaders.prepare([Sample.spec(count: 18)])
        _ = try shaders.plan(specs[0])
        #expect(shaders.planCount == 4)
    }

    @Test func whatCannotBePlannedIsLeftOutAndRefusedWhenItIsMade() throws {
        var target = Sample.target
        target.features = []
        let shaders = Self.shaders(target)
        #expect(shaders.prepare([Sample.spec(dtype: .float64), Sample.spec()]).count == 1)
        let reason = try #require(shaders.unsupportedReason(Sample.spec(dtype: .float64)))
        let error = #expect(throws: TensorError.self) {
            try shaders.make(Sample.spec(dtype: .float64)) { (_) throws(TensorError) in Issue.record("it was planned") }
        }
        #expect(error == TensorError(.unsupported, reason))
    }

    @Test func adoptedSchedulesAreTakenAtOnceAndByTheNextProcess() throws {
        let scratch = TemporaryDirectory()
        let spec = Sample.spec(count: 1 << 20)
        let shaders = Self.shaders { $0.cacheDirectory = scratch.path }
        let names = shaders.schedules(for: spec)
        let other = try #require(names.dropFirst().first)
        func schedule(_ shaders: TunedShaders) throws -> String {
            try shaders.make(spec) { (plan) throws(TensorError) in plan.launches[0].key.schedule }
        }
        #expect(try schedule(shaders) != other)
        let file = try shaders.adopt([(spec, other)], on: Sample.device.id)
        #expect(scratch.files(in: "tuning") == [file])
        #expect(try schedule(shaders) == other)
        #expect(try schedule(Self.shaders { $0.cacheDirectory = scratch.path }) == other)
        // Another class of schedules has a table of its own.
        var target = Sample.target
        target.deviceClass = .cpu
        #expect(try schedule(Self.shaders(target) { $0.cacheDirectory = scratch.path }) != other)
        // One that cannot be read is said to be, and does no harm.
        try Data("no table".utf8).write(to: URL(fileURLWithPath: file))
        let lines = Lines()
        let spoilt = Self.shaders {
            $0.cacheDirectory = scratch.path
            $0.notice = { lines.add($0) }
        }
        #expect(try schedule(spoilt) != other)
        #expect(lines.all.count == 1 && lines.all[0].contains("is no tuning table that can be read"))
    }

    @Test func withoutADirectoryNothingIsAdopted() {
        let error = #expect(throws: TensorError.self) { try Self.shaders().adopt([], on: Sample.device.id) }
        #expect(
            error == TensorError(.file, "sample:0: nothing is kept on disk; set NEEDLETAIL_CACHE to a directory"))
    }
}
