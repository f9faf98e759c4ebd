import KernelIR
import TensorRuntime
import Testing

/// Each check of the interpreter has a kernel that fails it, and where that is near, one that just passes.
@Suite struct InterpreterCheckTests {
    private func kernel(
        workgroupSize: SIMD3<Int> = [4, 1, 1], _ build: (KernelBuilder, BufferReference) -> Void
    ) -> Kernel {
        KernelBuilder.build("k", workgroupSize: workgroupSize) { k in build(k, k.buffer("x", .int32, .readWrite)) }
    }

    private let eight = [Int32](repeating: 1, count: 8)

    private func expect(
        _ kind: KernelError.Kind, workgroups: Int = 1, sourceLocation: SourceLocation = #_sourceLocation,
        _ kernel: Kernel
    ) -> KernelError? {
        expectError(kind, sourceLocation: sourceLocation) {
            _ = try runUnvalidated(kernel, workgroups: workgroups, [eight])
        }
    }

    @Test func buffersHaveBounds() throws {
        _ = try run(kernel { k, x in x[k.localID(0) + 4] = k.int(3) }, [eight])
        let error = expect(.bounds, kernel { k, x in x[k.localID(0) + 5] = k.int(3) })
        #expect(error?.statement == "x[%2] = %3")
        #expect(error?.workItem?.workgroup == [0, 0, 0] && error?.workItem?.local == [3, 0, 0])
        #expect(
            error?.description
                == "kernel k: `x[%2] = %3`: 1 of index 8 of x, whose indices are 0..<8 (work-item (3, 0, 0) of workgroup (0, 0, 0))"
        )
        _ = expect(.bounds, kernel { k, x in x[k.localID(0)] = x[k.localID(0) - 1] })
        _ = expect(.bounds, kernel { k, x in _ = x.load(k.localID(0) * 2, width: 4) })
        _ = try run(kernel { k, x in _ = x.load(k.localID(0), width: 4) }, [eight])
    }

    @Test func boundsAndOffsetsCountFromTheOperand() throws {
        let interpreter = try KernelInterpreter(kernel(workgroupSize: [1, 1, 1]) { k, x in x[k.int(-1)] = k.int(9) })
        var memory = eight
        try memory.withUnsafeMutableBytes { region in
            try interpreter.launch(workgroups: [1, 1, 1], buffers: [.init(region: region, offset: 3)])
            try interpreter.launch(workgroups: [1, 1, 1], buffers: [.init(region: region, offset: 5, bounds: -1..<1)])
            expectError(.bounds) {
                try interpreter.launch(
                    workgroups: [1, 1, 1], buffers: [.init(region: region, offset: 5, bounds: 0..<1)])
            }
        }
        #expect(memory == [1, 1, 9, 1, 9, 1, 1, 1])
    }

    @Test func workItemsThatDoNotComeAreNotChecked() throws {
        let guarded = kernel(workgroupSize: [16, 1, 1]) { k, x in
            let i = k.localID(0)
            k.if(i < 8) { x[i] = k.int(16) / (k.int(8) - i) + (k.int(1) >> 0) }
        }
        #expect(try run(guarded, [eight])[0] == (0..<8).map { Int32(16 / (8 - $0) + 1) })
    }

    @Test func sharedArraysHaveBoundsAndAlignedVectors() {
        let shared = { (k: KernelBuilder) in k.shared("s", .int32, count: 4) }
        _ = expect(.bounds, kernel { k, x in shared(k)[k.localID(0) + 1] = k.int(1) })
        _ = expect(
            .alignment,
            kernel(workgroupSize: [2, 1, 1]) { k, x in
                shared(k).store(x.load(k.int(0), width: 2), at: k.localID(0))
            })
    }

    @Test func whatNothingWroteIsNotRead() throws {
        let shared = { (k: KernelBuilder) in k.shared("s", .int32, count: 4) }
        _ = expect(.uninitialized, kernel { k, x in x[k.localID(0)] = shared(k)[k.localID(0)] })
        // The next workgroup finds nothing of the one before it.
        let late = kernel { k, x in
            let s = shared(k)
            k.if(k.workgroupID(0) == 0) { s[k.localID(0)] = k.int(1) }
            k.barrier()
            x[k.globalID(0)] = s[k.localID(0)]
        }
        _ = try run(late, workgroups: 1, [eight])
        #expect(expect(.uninitialized, workgroups: 2, late)?.workItem?.workgroup == [1, 0, 0])
        // A variable that some work-items assign.
        var some = kernel { k, x in
            let v = k.variable(k.int(1))
            k.if(k.localID(0) < 2) { v.value = k.int(2) }
            x[k.localID(0)] = v.value
        }
        some.body.removeAll { if case .assign = $0 { true } else { false } }
        #expect(expect(.uninitialized, some)?.workItem?.local == [2, 0, 0])
    }

    @Test func aWorkspaceIsReadWhereItWasWritten() throws {
        let write = try KernelInterpreter(kernel { k, x in x[k.localID(0)] = k.localID(0) })
        let read = try KernelInterpreter(kernel { k, x in _ = x[k.localID(0) + k.workgroupID(0)] })
        var memory = eight
        var written = [Bool](repeating: false, count: 32)
        try memory.withUnsafeMutableBytes { region in
            try written.withUnsafeMutableBufferPointer { flags in
                let buffer = InterpreterBuffer(region: region, written: flags.baseAddress)
                expectError(.uninitialized) { try read.launch(workgroups: [1, 1, 1], buffers: [buffer]) }
                try write.launch(workgroups: [1, 1, 1], buffers: [buffer])
                try read.launch(workgroups: [1, 1, 1], buffers: [buffer])
                expectError(.uninitialized) { try read.launch(workgroups: [2, 1, 1], buffers: [buffer]) }
            }
        }
    }

    @Test func racesInSharedArraysAreFound() throws {
        func racing(_ access: (KernelBuilder, SharedReference, Value) -> Void) -> Kernel {
            kernel { k, x in
                let s = k.shared("s", .int32, count: 4)
                s[k.localID(0)] = k.int(0)
                k.barrier()
                access(k, s, k.localID(0))
            }
        }
        _ = expect(.race, racing { k, s, i in s[i / 2] = i })
        _ = expect(
            .race,
            racing { k, s, i in
                k.if(i == 0) {
                    s[i] = i
                } else: {
                    _ = s[k.int(0)]
                }
            })
        _ = expect(
            .race,
            racing { k, s, i in
                k.if(i != 0) {
                    _ = s[k.int(0)]
                } else: {
                    s[i] = i
                }
            })
        _ = expect(
            .race,
            racing { k, s, i in
                _ = s[k.int(3) - i]
                s[i] = i
            })
        _ = try run(
            racing { k, s, i in
                s[i] = s[i] + 1
                _ = s[i]
            }, [eight])
        _ = try run(
            racing { k, s, i in
                _ = s[k.int(3) - i]
                k.barrier()
                s[i] = i
            }, [eight])
    }

    @Test func racesInBuffersAreFoundAcrossWorkgroups() throws {
        _ = expect(.race, kernel { k, x in x[k.localID(0) / 2] = k.int(1) })
        _ = expect(.race, workgroups: 2, kernel { k, x in x[k.localID(0)] = k.int(1) })
        _ = expect(
            .race, workgroups: 2,
            kernel { k, x in
                k.if(k.workgroupID(0) == 0) {
                    x[k.localID(0)] = k.int(1)
                } else: {
                    _ = x[k.localID(0)]
                }
            })
        _ = expect(
            .race, workgroups: 2,
            kernel { k, x in
                k.if(k.workgroupID(0) == 0) {
                    _ = x[k.localID(0)]
                } else: {
                    x[k.localID(0)] = k.int(1)
                }
            })
        // A barrier orders shared arrays alone.
        _ = expect(
            .race,
            kernel { k, x in
                x[k.localID(0)] = k.int(1)
                k.barrier()
                _ = x[k.int(3) - k.localID(0)]
            })
        _ = try run(
            kernel { k, x in
                x[k.globalID(0)] = x[k.globalID(0)] + 1
                _ = x[k.globalID(0)]
            }, workgroups: 2, [eight])
    }

    @Test func racesBetweenBuffersOfOneRegionAreFound() throws {
        func shifted(by distance: Int) throws -> KernelInterpreter {
            try KernelInterpreter(
                KernelBuilder.build("shift", workgroupSize: [4, 1, 1]) { k in
                    let narrow = k.buffer("narrow", .uint8, .read)
                    let x = k.buffer("x", .int32, .write)
                    x[k.localID(0)] = narrow[(k.localID(0) + distance) * 4]
                })
        }
        var memory = eight
        try memory.withUnsafeMutableBytes { region in
            let buffers = [InterpreterBuffer(region: region), InterpreterBuffer(region: region)]
            try shifted(by: 0).launch(workgroups: [1, 1, 1], buffers: buffers)
            try shifted(by: 4).launch(workgroups: [1, 1, 1], buffers: buffers)
            expectError(.race) { try shifted(by: 1).launch(workgroups: [1, 1, 1], buffers: buffers) }
        }
    }

    @Test func allComeToABarrierAndToSubgroupOperations() {
        let error = expect(.divergence, kernel { k, x in k.if(k.localID(0) < 3) { k.barrier() } })
        #expect(error?.statement == "barrier" && error?.workItem?.local == [3, 0, 0])
        _ = expect(.divergence, kernel { k, x in k.loop(from: 0, to: k.localID(0)) { _ in k.barrier() } })
        _ = expect(.divergence, kernel { k, x in k.if(k.localID(0) < 3) { _ = x[k.int(0)].subgroup(.add) } })
    }

    @Test func divisionsAndShiftsAreDefined() throws {
        _ = expect(.division, kernel { k, x in _ = k.int(1) / k.localID(0) })
        _ = expect(.division, kernel { k, x in _ = k.int(1) % k.localID(0) })
        _ = expect(.division, kernel { k, x in _ = k.int(Int(Int32.min)) / (k.localID(0) - 1) })
        _ = expect(.shift, kernel { k, x in _ = k.int(1).binary(.shiftLeft, k.localID(0) + 29) })
        _ = expect(.shift, kernel { k, x in _ = k.int(1).binary(.shiftRight, k.localID(0) - 1) })
        _ = try run(kernel { k, x in _ = k.int(1).binary(.shiftLeft, k.localID(0) + 28) }, [eight])
    }

    @Test func countersStayInTheirType() throws {
        let end = Int(Int32.max)
        _ = expect(.overflow, kernel { k, x in k.loop(from: end - 2, to: k.int(end), by: 4) { _ in } })
        _ = try run(kernel { k, x in k.loop(from: end - 2, to: k.int(end), by: 2) { _ in } }, [eight])
    }

    @Test func launchesFitTheKernel() throws {
        let interpreter = try KernelInterpreter(kernel { _, _ in })
        expectError(.launch) { try interpreter.launch(workgroups: [1, 1, 1]) }
        expectError(.launch) { try interpreter.launch(workgroups: [1, 1, 1], arguments: [1]) }
        var memory = eight
        try memory.withUnsafeMutableBytes { region in
            expectError(.launch) {
                try interpreter.launch(workgroups: [-1, 1, 1], buffers: [InterpreterBuffer(region: region)])
            }
            try interpreter.launch(workgroups: [0, 1, 1], buffers: [InterpreterBuffer(region: region)])
        }
    }

    @Test func aKernelThatIsWrongIsRefused() {
        var wrong = kernel { k, x in x[k.localID(0)] = k.int(1) }
        wrong.buffers[0].access = .read
        expectError(.access) { _ = try KernelInterpreter(wrong) }
    }
}
