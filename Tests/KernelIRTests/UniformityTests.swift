import KernelIR
import TensorRuntime
import Testing

/// Where a barrier may stand.
@Suite struct UniformityTests {
    private func check(
        workgroupSize: SIMD3<Int> = [8, 2, 1], _ build: (KernelBuilder, BufferReference, Value) -> Void
    ) -> KernelError? {
        let kernel = KernelBuilder.build("k", workgroupSize: workgroupSize) { k in
            build(k, k.buffer("x", .int32, .read), k.argument("n", .int32))
        }
        do {
            try kernel.validate()
            return nil
        } catch { return error }
    }

    @Test func barriersStandInUniformFlow() {
        #expect(check { k, _, n in k.if(n < 3) { k.barrier() } } == nil)
        #expect(check { k, _, n in k.if(k.workgroupID(0) < n) { k.barrier() } } == nil)
        #expect(check { k, _, n in k.loop(from: k.workgroupID(1), to: n) { _ in k.barrier() } } == nil)
        #expect(check { k, x, n in k.if(x[k.workgroupID(0)] < n) { k.barrier() } } == nil)
        #expect(check { k, x, n in k.if(k.localID(2) < n) { k.barrier() } } == nil)
        #expect(check(workgroupSize: [1, 1, 1]) { k, x, n in k.if(k.globalID(0) < n) { k.barrier() } } == nil)
    }

    @Test func whatComesFromAWorkItemsNumberDiffers() {
        #expect(check { k, _, n in k.if(k.localID(0) < n) { k.barrier() } }?.kind == .divergence)
        #expect(
            check { k, _, n in
                k.if(k.localID(0) < n) {
                } else: {
                    k.barrier()
                }
            }?.kind == .divergence)
        #expect(check { k, x, n in k.if(x[k.localID(1)] < n) { k.barrier() } }?.kind == .divergence)
        #expect(check { k, _, n in k.if(k.subgroupLane() < n) { k.barrier() } }?.kind == .divergence)
        #expect(check { k, _, n in k.loop(from: k.localID(0), to: n) { _ in k.barrier() } }?.kind == .divergence)
        #expect(check { k, _, n in k.loop(from: 0, to: k.localID(0)) { _ in k.barrier() } }?.kind == .divergence)
        #expect(
            check { k, _, n in
                k.if(k.localID(0) < n) { k.loop(from: 0, to: n) { _ in _ = n.subgroup(.add) } }
            }?.kind == .divergence)
    }

    @Test func variablesCarryDifferences() {
        #expect(
            check { k, _, n in
                let v = k.variable(n)
                v.value = n + 1
                k.if(v.value < 3) { k.barrier() }
            } == nil)
        #expect(
            check { k, _, n in
                let v = k.variable(n)
                k.if(k.localID(0) < 3) { v.value = n + 1 }
                k.if(v.value < 3) { k.barrier() }
            }?.kind == .divergence)
        // The first turn reads what is uniform, the second what the end of the first assigned.
        #expect(
            check { k, _, n in
                let v = k.variable(n)
                let w = k.variable(n)
                k.loop(from: 0, to: n) { _ in
                    k.if(v.value < 3) { k.barrier() }
                    v.value = w.value
                    w.value = k.localID(0)
                }
            }?.kind == .divergence)
    }
}
