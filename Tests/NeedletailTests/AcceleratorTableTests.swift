import Foundation
import Needletail
import TensorRuntime
import Testing

/// Every row of the tables in `Documentation/Accelerator.md`, called with an accelerator and without.
@Suite struct AcceleratorTableTests {
    /// A row's calls.
    struct Row: Sendable {
        /// PyTorch's functions, as the table names them.
        let name: String
        let with: @Sendable (DeviceID) throws -> Void
        let without: @Sendable () throws -> Void

        init(
            _ name: String, with: @escaping @Sendable (DeviceID) throws -> Void,
            without: @escaping @Sendable () throws -> Void
        ) {
            self.name = name
            self.with = with
            self.without = without
        }
    }

    /// The documents' sections whose rows are tested here.
    private static let sections = ["Devices", "Memory", "Random numbers", "Streams and events", "Graphs"]

    private static let rows = devices + memory + random + streams + events + graphs

    private static let devices = [
        Row("`is_available()`") { (_) throws in
            #expect(Accelerator.isAvailable)
        } without: { () throws in
            #expect(!Accelerator.isAvailable)
        },
        Row("`device_count()`") { (_) throws in
            #expect(Accelerator.deviceCount == 2 && Accelerator.devices.count == 2)
        } without: { () throws in
            #expect(Accelerator.deviceCount == 0 && Accelerator.devices.isEmpty)
        },
        Row("`current_accelerator()`") { (id) throws in
            #expect(Accelerator.current == id)
            let device = Accelerator.isAvailable ? Accelerator.current! : DeviceID("cpu")!
            #expect(Tensor.zeros([2], device: device).device == id)
            #expect(try (Tensor([1, 2] as [Float], device: device) + 1).scalars(as: Float.self) == [2, 3])
            let model = Linear(3, 2)
            try model.to(device: device)
            #expect(model(Tensor.ones([1, 3], device: device)).device == id)
        } without: { () throws in
            #expect(Accelerator.current == nil)
            #expect((Accelerator.current ?? .cpu) == .cpu)
            let device = Accelerator.isAvailable ? Accelerator.current! : DeviceID("cpu")!
            #expect(try Tensor.zeros([2], device: device).scalars(as: Float.self) == [0, 0])
        },
        Row("`current_device_index()`, `current_device_idx()`") { (_) throws in
            #expect(Accelerator.currentIndex == 0)
        } without: { () throws in
            #expect(Accelerator.currentIndex == nil)
        },
        Row("`set_device_index(i)`, `set_device_idx(i)`") { (id) throws in
            try Accelerator.setIndex(-1)
            #expect(Accelerator.current == id)
            try Accelerator.setIndex(1)
            #expect(Accelerator.currentIndex == 1 && Accelerator.current == Accelerator.devices[1].id)
            #expect(Tensor.zeros([1]).device == Accelerator.current)
            try Accelerator.set(id)
            #expect(Accelerator.currentIndex == 0)
            expectError(.invalidArgument, containing: "cpu doesn't match the current accelerator \(id).") {
                () throws(TensorError) in try Accelerator.set(.cpu)
            }
            expectError(.deviceUnavailable, containing: "there is no accelerator 2; 0 is \(id), 1 is") {
                () throws(TensorError) in try Accelerator.setIndex(2)
            }
        } without: { () throws in
            try Accelerator.setIndex(-1)
            expectNone { () throws(TensorError) in try Accelerator.setIndex(0) }
            expectNone { () throws(TensorError) in try Accelerator.set(.cpu) }
        },
        Row("`device_index(i)`") { (id) throws in
            try Accelerator.withIndex(1) {
                #expect(Accelerator.currentIndex == 1)
                #expect(Tensor.zeros([1]).device == Accelerator.devices[1].id)
                try Accelerator.withIndex(nil) { #expect(Accelerator.currentIndex == 1) }
                try Accelerator.withIndex(-1) { #expect(Accelerator.currentIndex == 1) }
            }
            #expect(Accelerator.current == id)
            #expect(throws: CancellationError.self) { try Accelerator.withIndex(1) { throw CancellationError() } }
            #expect(Accelerator.current == id)
        } without: { () throws in
            #expect(try Accelerator.withIndex(nil) { 3 } == 3)
            let error = #expect(throws: TensorError.self) { try Accelerator.withIndex(0) {} }
            #expect(error?.message == "Cannot access accelerator device when none is available.")
        },
        Row("`synchronize(device)`") { (id) throws in
            let value = Tensor.zeros([4], device: id) + 1
            try Accelerator.synchronize()
            try Accelerator.synchronize(id)
            #expect(try value.scalars(as: Float.self) == [1, 1, 1, 1])
        } without: { () throws in
            try Accelerator.synchronize()
        },
        Row("`get_device_capability(device)`") { (id) throws in
            let types = try Accelerator.capability().supportedDTypes
            #expect(try types.contains(.float32) && types == Accelerator.capability(of: id).supportedDTypes)
            for type in types {
                let value = Tensor.ones([2], dtype: type, device: id)
                #expect(try value.to(.float32).scalars(as: Float.self) == [1, 1], "\(type)")
                #expect(try Tensor.ones([2], device: id).to(type).scalars(as: Double.self) == [1, 1], "\(type)")
            }
        } without: { () throws in
            #expect(try Accelerator.capability().supportedDTypes.isEmpty)
            #expect(try !Accelerator.capability(of: .cpu).supportedDTypes.isEmpty)
        },
        Row("device name (in review there)") { (id) throws in
            #expect(try Accelerator.name() == "the discreteGPU 0")
            #expect(try Accelerator.name(of: DeviceID("made-up:1")!) == "the integratedGPU 1")
        } without: { () throws in
            #expect(try Accelerator.name() == nil)
            expectError(.deviceUnavailable, containing: "device made-up:5 is not there") { () throws(TensorError) in
                try Accelerator.name(of: DeviceID("made-up:5")!)
            }
        },
        Row("no counterpart (asked for in #149719)") { (id) throws in
            #expect(try Accelerator.best(order: ["gpu", "cpu"]) == id)
        } without: { () throws in
            #expect(try Accelerator.best(order: ["gpu", "cpu"]) == .cpu)
            #expect(try Accelerator.best(order: ["gpu", "accelerator"]) == nil)
        },
    ]

    private static let memory = [
        Row("`memory_allocated()`") { (id) throws in
            let before = Accelerator.Memory.allocated
            let value = try kept([1000], on: id)
            #expect(Accelerator.Memory.allocated == before + 4096)
            withExtendedLifetime(value) {}
        } without: { () throws in
            #expect(Accelerator.Memory.allocated == 0)
        },
        Row("`max_memory_allocated()`") { (id) throws in
            var value: Tensor? = try kept([5000], on: id)
            let most = Accelerator.Memory.allocated
            value = nil
            #expect(Accelerator.Memory.maximumAllocated >= most && Accelerator.Memory.allocated < most)
            withExtendedLifetime(value) {}
        } without: { () throws in
            #expect(Accelerator.Memory.maximumAllocated == 0)
        },
        Row("`memory_reserved()`") { (id) throws in
            let value = try kept([1000], on: id)
            #expect(Accelerator.Memory.reserved >= 2 << 20)
            withExtendedLifetime(value) {}
        } without: { () throws in
            #expect(Accelerator.Memory.reserved == 0)
        },
        Row("`max_memory_reserved()`") { (id) throws in
            _ = try kept([1000], on: id)
            #expect(Accelerator.Memory.maximumReserved >= Accelerator.Memory.reserved)
        } without: { () throws in
            #expect(Accelerator.Memory.maximumReserved == 0)
        },
        Row("`memory_stats()`") { (id) throws in
            let value = try kept([1000], on: id)
            let found = Accelerator.Memory.statistics
            #expect(Set(found.keys) == Self.keys)
            #expect(found == Accelerator.Memory.statistics(of: id))
            #expect(found["allocated_bytes.all.current"] == Accelerator.Memory.allocated)
            #expect(found["requested_bytes.small_pool.current"] == 4000)
            withExtendedLifetime(value) {}
        } without: { () throws in
            #expect(Accelerator.Memory.statistics.isEmpty)
        },
        Row("`get_memory_info(device)`") { (id) throws in
            let info = try Accelerator.Memory.info()
            #expect(info.total > 0 && info.free > 0 && info.free <= info.total)
        } without: { () throws in
            #expect(try Accelerator.Memory.info() == DeviceMemory(free: 0, total: 0))
            #expect(try Accelerator.Memory.info(of: .cpu).total > 0)
        },
        Row("`reset_peak_memory_stats()`") { (id) throws in
            _ = try kept([5000], on: id)
            #expect(Accelerator.Memory.maximumAllocated > Accelerator.Memory.allocated)
            Accelerator.Memory.resetPeakStatistics()
            #expect(Accelerator.Memory.maximumAllocated == Accelerator.Memory.allocated)
        } without: { () throws in
            Accelerator.Memory.resetPeakStatistics()
        },
        Row("`reset_accumulated_memory_stats()`") { (id) throws in
            _ = try kept([5000], on: id)
            #expect(Accelerator.Memory.statistics["allocated.all.allocated"] != 0)
            Accelerator.Memory.resetAccumulatedStatistics()
            #expect(Accelerator.Memory.statistics["allocated.all.allocated"] == 0)
        } without: { () throws in
            Accelerator.Memory.resetAccumulatedStatistics()
        },
        Row("`empty_cache()`") { (id) throws in
            _ = try kept([5000], on: id)
            #expect(Accelerator.Memory.reserved > 0)
            Accelerator.Memory.emptyCache()
            #expect(Accelerator.Memory.reserved == 0)
            #expect(
                Accelerator.Memory.statistics["num_device_free"] == Accelerator.Memory.statistics["num_device_alloc"])
        } without: { () throws in
            Accelerator.Memory.emptyCache()
        },
        Row("`empty_host_cache()`") { (_) throws in
            Accelerator.Memory.emptyHostCache()
        } without: { () throws in
            Accelerator.Memory.emptyHostCache()
        },
    ]

    private static let random: [Row] = [
        anywhere("`random.initial_seed()`") { () throws in
            manualSeed(41)
            _ = Tensor.uniform([8])
            #expect(Accelerator.Random.initialSeed == 41)
        },
        anywhere("`random.seed()`, `seed_all()` (in review there)") { () throws in
            let seeds = (0..<3).map { _ in Accelerator.Random.seed() }
            #expect(Set(seeds).count == 3 && Accelerator.Random.initialSeed == seeds[2])
        },
        anywhere("`random.manual_seed(s)`, `manual_seed_all(s)` (in review there)") { () throws in
            Accelerator.Random.manualSeed(7)
            let first = try Tensor.uniform([5]).scalars(as: Float.self)
            Accelerator.Random.manualSeed(7)
            #expect(try Tensor.uniform([5]).scalars(as: Float.self) == first)
            #expect(
                try first == Tensor.uniform([5], generator: Generator(seed: 7), device: .cpu).scalars(as: Float.self))
        },
        anywhere("`random.get_rng_state()`") { () throws in
            Accelerator.Random.manualSeed(7)
            _ = Tensor.uniform([8])
            #expect(Accelerator.Random.state == Generator.State(key: 7, offset: 8))
        },
        anywhere("`random.set_rng_state(s)` (in review there)") { () throws in
            let state = Accelerator.Random.state
            let first = try Tensor.uniform([5]).scalars(as: Float.self)
            Accelerator.Random.setState(state)
            #expect(try Tensor.uniform([5]).scalars(as: Float.self) == first)
        },
        Row("`random.get_rng_state_all()`") { (id) throws in
            let states = Accelerator.Random.states
            #expect(states.count == 2 && states[id] == Accelerator.Random.state)
        } without: { () throws in
            #expect(Accelerator.Random.states.isEmpty)
        },
        Row("`random.set_rng_state_all(s)` (in review there)") { (id) throws in
            let states = Accelerator.Random.states
            let first = try Tensor.uniform([5]).scalars(as: Float.self)
            try Accelerator.Random.setStates(states)
            #expect(try Tensor.uniform([5]).scalars(as: Float.self) == first)
            expectError(.invalidArgument, containing: "2 different states") { () throws(TensorError) in
                try Accelerator.Random.setStates([
                    id: Generator.State(key: 1), .cpu: Generator.State(key: 2),
                ])
            }
        } without: { () throws in
            let state = Accelerator.Random.state
            try Accelerator.Random.setStates([:])
            #expect(Accelerator.Random.state == state)
        },
    ]

    /// A row that is the same with an accelerator and without.
    static func anywhere(_ name: String, _ body: @escaping @Sendable () throws -> Void) -> Row {
        Row(name, with: { _ in try body() }, without: body)
    }

    private static func expectNone(_ body: () throws(TensorError) -> Void) {
        expectError(
            .deviceUnavailable, containing: "Cannot access accelerator device when none is available.", body: body)
    }

    /// A tensor whose numbers are in memory.
    private static func kept(_ shape: Shape, on device: DeviceID) throws -> Tensor {
        let value = Tensor.zeros(shape, device: device) + 1
        try value.evaluate()
        return value
    }

    /// PyTorch's keys.
    private static let keys: Set<String> = {
        let rows = [
            "allocated", "allocated_bytes", "segment", "reserved_bytes", "active", "active_bytes", "inactive_split",
            "inactive_split_bytes", "requested_bytes",
        ]
        var keys: Set = [
            "num_alloc_retries", "num_ooms", "num_sync_all_streams", "num_device_alloc", "num_device_free",
        ]
        for row in rows {
            for pool in ["all", "large_pool", "small_pool"] {
                for part in ["current", "peak", "allocated", "freed"] { keys.insert("\(row).\(pool).\(part)") }
            }
        }
        return keys
    }()

    @Test(arguments: rows.map(\.name)) func aRowWithAnAccelerator(_ name: String) throws {
        let row = try #require(Self.rows.first { $0.name == name })
        try withGenerator(Generator(seed: 1)) { () throws(any Error) in
            try MadeUpInventory([MadeUpBackend([.discreteGPU, .integratedGPU])])() {
                try row.with(DeviceID("made-up:0")!)
            }
        }
    }

    @Test(arguments: rows.map(\.name)) func aRowWithoutAnAccelerator(_ name: String) throws {
        let row = try #require(Self.rows.first { $0.name == name })
        try withGenerator(Generator(seed: 1)) { () throws(any Error) in
            // A software device changes nothing.
            for backends in [[], [MadeUpBackend([.software])]] { try MadeUpInventory(backends)() { try row.without() } }
        }
    }

    @Test func everyRowOfTheDocumentHasItsTest() throws {
        let path = ImportTests.root.appendingPathComponent("Documentation/Accelerator.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        var documented: [String] = []
        var isHere = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("## ") { isHere = Self.sections.contains(String(line.dropFirst(3))) }
            guard isHere, line.hasPrefix("| "), !line.hasPrefix("| PyTorch") else { continue }
            documented.append(line.split(separator: "|")[0].trimmingCharacters(in: .whitespaces))
        }
        #expect(documented == Self.rows.map(\.name))
        #expect(documented.count == 51)
    }
}
