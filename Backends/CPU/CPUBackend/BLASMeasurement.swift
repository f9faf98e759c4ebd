import CPUKernels
import Foundation
import TensorRuntime

/// Times one product by a library and by the own kernels, on the calling thread.
enum BLASMeasurement {
    /// The most rounds, and the nanoseconds after which no other one begins.
    private static let rounds = 5
    private static let budget = 40_000_000

    /// Medians over rounds in which both take a turn, so that a busy moment of the machine falls on both; the first round
    /// only warms up. Nil where there is no memory.
    static func times(
        of sizeClass: BLASSelection.SizeClass, library: BLAS, instructionSet: nt_isa
    ) -> BLASSelection.Times? {
        let (m, n, k): (Int, Int, Int) =
            switch sizeClass {
            // A tile of a product of 1024 cubed, smaller but of several blocks each way.
            case .float32: (384, 384, 512)
            case .smallFloat64: (64, 64, 64)
            case .largeFloat64: (256, 256, 256)
            }
        var own = nt_matmul()
        own.isa = Int32(instructionSet.rawValue)
        own.element = Int32((sizeClass == .float32 ? nt_element_f32 : nt_element_f64).rawValue)
        (own.m, own.n, own.k) = (Int64(m), Int64(n), Int64(k))
        (own.rsa, own.csa, own.rsb, own.csb) = (Int64(k), 1, Int64(n), 1)
        nt_matmul_plan(&own)
        var theirs = own
        theirs.method = Int32(nt_matmul_blas.rawValue)
        (theirs.sgemm, theirs.dgemm) = (library.sgemm, library.dgemm)
        (theirs.tile_m, theirs.tile_n, theirs.tiles_m, theirs.tiles_n) = (own.m, own.n, 1, 1)

        guard let pool = nt_pool_create(1), let operands = Operands(elements: [m * k, k * n, m * n], of: sizeClass)
        else {
            return nil
        }
        defer {
            nt_pool_destroy(pool)
            operands.deallocate()
        }
        var scratch: OpaquePointer? = nt_scratch_create()
        defer { nt_scratch_destroy(scratch) }
        let needs = nt_matmul_memory(&own)
        guard nt_scratch_reserve(scratch, Int32(NT_SCRATCH_WORKER), needs.worker),
            nt_scratch_reserve(scratch, Int32(NT_SCRATCH_CALL), needs.call)
        else { return nil }
        nt_scratch_adopt(scratch)
        return withUnsafePointer(to: &scratch) { scratch in
            var workers = nt_workers(pool: pool, scratch: scratch, call: nil, worker: nil, worker_bytes: 0)
            func time(_ plan: inout nt_matmul) -> Int {
                let began = ContinuousClock.now
                nt_matmul_run(&plan, &workers, operands.parts[0], operands.parts[1], operands.parts[2], nil)
                return (ContinuousClock.now - began).nanoseconds
            }
            var taken: (own: [Int], theirs: [Int]) = ([], [])
            let began = ContinuousClock.now
            for round in 0...rounds {
                let times = (time(&own), time(&theirs))
                if round == 0 { continue }
                taken.own.append(times.0)
                taken.theirs.append(times.1)
                if (ContinuousClock.now - began).nanoseconds > budget { break }
            }
            return BLASSelection.Times(own: median(taken.own), library: median(taken.theirs))
        }
    }

    /// At least 1, as what is kept must be.
    private static func median(_ times: [Int]) -> Int { max(times.sorted()[times.count / 2], 1) }

    /// Ones in memory of 64 bytes' alignment.
    private struct Operands {
        var parts: [UnsafeMutableRawPointer] = []

        init?(elements: [Int], of sizeClass: BLASSelection.SizeClass) {
            for count in elements {
                var memory: UnsafeMutableRawPointer?
                let size = sizeClass == .float32 ? 4 : 8
                guard posix_memalign(&memory, 64, count * size) == 0, let memory else {
                    deallocate()
                    return nil
                }
                if sizeClass == .float32 {
                    memory.initializeMemory(as: Float.self, repeating: 1, count: count)
                } else {
                    memory.initializeMemory(as: Double.self, repeating: 1, count: count)
                }
                parts.append(memory)
            }
        }

        func deallocate() { for part in parts { free(part) } }
    }
}
