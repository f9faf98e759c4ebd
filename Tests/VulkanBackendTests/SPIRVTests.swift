import KernelIR
import SPIRV
import TensorRuntime
import TestSupport
import Testing
import VulkanBackend

@Suite(.enabled(if: VulkanTesting.areWanted, "NEEDLETAIL_TEST_WITHOUT_VULKAN is set")) struct SPIRVTests {
    // MARK: What the validator accepts

    /// Loads, stores, conversions, and each operation that there is of a type.
    private static func everyOperation(width: Int) -> Kernel {
        KernelBuilder.build("operations\(width)", workgroupSize: [4, 2, 1]) { k in
            let place = k.localID(0) + k.localID(1) * 4 + k.workgroupID(2) * k.workgroupCount(0)
            var values: [ScalarType: Value] = [:]
            for element in DType.allCases {
                let buffer = k.buffer("\(element)_data", element, .readWrite)
                let value = buffer.load(place, width: width)
                buffer.store(value, at: place.convert(to: .int64) + 1)
                values[element.valueScalar] = value
            }
            values[.uint32] = values[.int32]!.bitcast(to: .uint32)
            values[.float16] = values[.float32]!.convert(to: .float16)
            let result = k.buffer("results", .float32, .write)
            for (number, scalar) in ScalarType.allCases.enumerated() {
                let x = values[scalar]!
                let all = unaries(x) + binaries(x) + comparisons(x) + conversions(x)
                for (other, value) in all.enumerated() {
                    for lane in value.convert(to: .float32).lanes { result[place + (number * 1000 + other)] = lane }
                }
            }
            let float = values[.float32]!
            result.store(k.multiplyAdd(float, float, float), at: place)
            result.store(k.fusedMultiplyAdd(float, float, float), at: place)
            let bits = values[.int64]!.bitcast(to: .float64).bitcast(to: .int64)
            result.store(
                k.fusedMultiplyAdd(values[.float64]!, values[.float64]!, bits.bitcast(to: .float64))
                    .convert(to: .float32), at: place)
            result.store(float.bitcast(to: .uint32).bitcast(to: .int32).bitcast(to: .float32), at: place)
            let shared = k.shared("shared", .float32, count: 64)
            shared.store(float, at: k.localID(0) * width)
            k.barrier()
            result.store(shared.load(k.localID(1) * width, width: width), at: place)
        }
    }

    private static func unaries(_ x: Value) -> [Value] {
        let scalar = x.type.scalar
        var operations: [UnaryOperation] = scalar.isFloat ? [] : [.not]
        if scalar != .bool { operations.append(.negate) }
        if scalar.isFloat || scalar == .int32 || scalar == .int64 { operations.append(.absolute) }
        if scalar.isFloat { operations += [.squareRoot, .floor, .ceil, .roundEven, .truncate] }
        return operations.map { x.unary($0) }
    }

    private static func binaries(_ x: Value) -> [Value] {
        let scalar = x.type.scalar
        var operations: [BinaryOperation] = []
        if scalar != .bool { operations += [.add, .subtract, .multiply, .divide, .remainder] }
        if scalar.isInteger { operations += [.minimum, .maximum, .shiftLeft, .shiftRight] }
        if !scalar.isFloat { operations += [.and, .or, .xor] }
        if scalar == .uint32 { operations.append(.multiplyHigh) }
        return operations.map { x.binary($0, x) }
    }

    private static func comparisons(_ x: Value) -> [Value] {
        var operations: [BinaryOperation] = [.equal, .notEqual]
        if x.type.scalar != .bool { operations += [.less, .lessEqual, .greater, .greaterEqual] }
        return operations.map { x.binary($0, x) }
    }

    private static func conversions(_ x: Value) -> [Value] {
        ScalarType.allCases.filter { $0 != x.type.scalar }.map { x.convert(to: $0) }
    }

    @Test func everyOperationOfEveryTypeAndWidthIsValid() throws {
        try SPIRVTesting.expectValid([1, 2, 4].map { Self.everyOperation(width: $0) })
    }

    private static let flow = KernelBuilder.build("flow", workgroupSize: [8, 1, 1]) { k in
        let x = k.buffer("x", .float32, .readWrite)
        let count = k.argument("count", .int32)
        let wide = k.argument("wide", .int64)
        let steps = k.argument("steps", .uint32)
        let isOn = k.argument("isOn", .bool)
        let flags = k.shared("flags", .bool, count: 8)
        let sum = k.variable(k.constant(0.0, .float32))
        let found = k.variable(k.bool(false))
        let i = k.globalID(0)
        k.loop(from: 0, to: count, by: 2) { outer in
            k.loop(from: k.constant(0, .int64), to: wide, unrolls: true) { inner in
                k.if(inner < 3) {
                    sum.value = sum.value + x[inner]
                } else: {
                    k.if(isOn) { found.value = k.bool(true) }
                }
            }
            k.loop(from: k.constant(0, .uint32), to: steps) { _ in sum.value = sum.value * 0.5 }
            k.loop(from: outer, to: count) { _ in }
        }
        flags[k.localID(0)] = found.value
        k.barrier()
        k.if(flags[k.int(0)], {}, else: { sum.value = -sum.value })
        k.if(i < count) { x[i] = sum.value }
    }

    @Test func nestedFlowIsValid() throws { try SPIRVTesting.expectValid([Self.flow]) }

    private static func subgroups(_ scalar: ScalarType) -> Kernel {
        KernelBuilder.build("subgroups_\(scalar.name)", workgroupSize: [32, 1, 1]) { k in
            let x = k.buffer("x", .float32, .readWrite)
            let lane = k.subgroupLane() + k.subgroupSize()
            let value = x[lane].convert(to: scalar)
            for operation in [SubgroupOperation.add, .minimum, .maximum, .shuffleXor(mask: 1)] {
                x[lane] = value.subgroup(operation).convert(to: .float32)
            }
        }
    }

    @Test func subgroupOperationsAreValid() throws {
        try SPIRVTesting.expectValid([.int32, .uint32, .float32, .float64].map { Self.subgroups($0) })
    }

    @Test func bytesOfWordsAreWrittenByAtomicOperationsThatKeepTheOthers() throws {
        let kernel = KernelBuilder.build("bytes") { k in
            let x = k.buffer("x", .uint8, .read)
            let y = k.buffer("y", .uint8, .readWrite)
            y[k.workgroupID(0)] = x[k.workgroupID(0)] + y[k.workgroupID(0)]
        }
        let legal = try kernel.legalized(for: KernelTarget(features: [], maximumVectorLanes: 4)).kernel
        let lines = try SPIRVTesting.expectValid([legal], .poor)[0].lines
        #expect(lines.filter { $0.contains("OpAtomicAnd") || $0.contains("OpAtomicOr") }.count == 2)
        // What others write meanwhile is read as they write it; what nobody writes needs no care.
        #expect(lines.filter { $0.contains("OpAtomicLoad") }.count == 1)
    }

    // MARK: What is written

    @Test func everyFloatOperationButMultiplyAddForbidsContraction() throws {
        for width in [1, 4] {
            let lines = try SPIRVEmitter.module(of: Self.everyOperation(width: width), target: .full).lines
            let exact = Set(
                lines.filter { $0.hasSuffix(" noContraction") }.map { $0.split(separator: " ")[1] })
            let operations = ["OpFAdd", "OpFSub", "OpFMul", "OpFDiv", "OpFNegate"]
            let results = lines.filter { line in operations.contains { line.contains("= \($0) ") } }
                .map { $0.split(separator: " ")[0] }
            #expect(results.count > 20)
            #expect(Set(results) == exact)
            #expect(lines.filter { $0.contains(" fma ") }.count == 1)
            #expect(!lines.contains { $0.contains("OpFRem") || $0.contains("OpSRem") })
        }
    }

    /// Mesa makes the negative of 0 or 1 of it, which is -0 for 0.
    @Test func aChoiceOfMinusOneAndZeroIsMadeOfIntegers() throws {
        for (a, b) in [(-1.0, 0.0), (0, -1)] {
            let kernel = KernelBuilder.build("choice") { k in
                let x = k.buffer("x", .float32, .readWrite)
                let i = k.workgroupID(0)
                let isLess = x[i] < 0.0
                x[i] = k.select(isLess, k.constant(a, .float32), k.constant(b, .float32))
                x[i] = k.select(isLess, k.constant(1.0, .float32), k.constant(b, .float32))
            }
            let lines = try SPIRVTesting.expectValid([kernel], .poor)[0].lines
            #expect(lines.filter { $0.contains("OpConvertSToF") }.count == 1)
            #expect(lines.filter { $0.contains("OpSelect ") }.count == 2)
        }
    }

    @Test func wordsAreTheSameEachTime() throws {
        let words = try SPIRVEmitter.module(of: Self.flow, target: .full).words
        for _ in 0..<3 { #expect(try SPIRVEmitter.module(of: Self.flow, target: .full).words == words) }
    }

    @Test func aModuleDeclaresWhatItNeedsAndNoMore() throws {
        let plain = KernelBuilder.build("plain") { k in
            let x = k.buffer("x", .float32, .readWrite)
            x[k.workgroupID(0)] = x[k.workgroupID(0)] + 1.0
        }
        #expect(try SPIRVEmitter.module(of: plain, target: .poor).capabilities == ["shader"])
        let full = try SPIRVEmitter.module(of: plain, target: .full)
        #expect(full.capabilities == ["shader", "signedZeroInfNanPreserve"])
        #expect(full.lines.contains { $0.contains("signedZeroInfNanPreserve 32") })
        #expect(!full.lines.contains { $0.contains("signedZeroInfNanPreserve 64") })
        let wide = try SPIRVEmitter.module(of: Self.everyOperation(width: 1), target: .full)
        #expect(wide.lines.contains { $0.contains("signedZeroInfNanPreserve 64") })
    }

    @Test func buffersMayLieOverOneAnotherWhereOneIsWritten() throws {
        func decorations(_ access: Kernel.Access) throws -> [String] {
            let kernel = KernelBuilder.build("copy") { k in
                let x = k.buffer("x", .float32, .read)
                let y = k.buffer("y", .float32, access)
                if access != .read { y[k.workgroupID(0)] = x[k.workgroupID(0)] }
            }
            return try SPIRVEmitter.module(of: kernel, target: .poor).lines
        }
        #expect(try decorations(.write).filter { $0.hasSuffix(" aliased") }.count == 2)
        #expect(try decorations(.write).filter { $0.hasSuffix(" nonWritable") }.count == 2)
        #expect(try decorations(.read).filter { $0.hasSuffix(" aliased") }.isEmpty)
    }

    @Test func aDisassemblyNamesBuffersOperationsAndNumbers() throws {
        let kernel = KernelBuilder.build("scale", workgroupSize: [64, 1, 1]) { k in
            let x = k.buffer("x", .float32, .readWrite)
            let factor = k.argument("factor", .float32)
            x[k.localID(0)] = x[k.localID(0)] * factor
        }
        let module = try SPIRVEmitter.module(of: kernel, target: .poor)
        let text = SPIRVDisassembler.text(module.words)
        for line in [
            "; SPIR-V 1.3, ", "OpCapability shader", "OpEntryPoint 5 %scale \"main\"",
            "OpExecutionMode %scale localSize 64 1 1", "OpDecorate %x binding 0", "OpDecorate %parameters binding 1",
            "\"factor\"", "%parameters = OpVariable", " storageBuffer", "= OpFMul ", "OpFunctionEnd",
        ] {
            #expect(text.contains(line), "no \(line) in\n\(text)")
        }
        #expect(SPIRVDisassembler.text(module.words + [3 << 16 | 4000, 7, 8]).hasSuffix("\nOp4000 7 8"))
        #expect(SPIRVDisassembler.text([1, 2, 3]) == "no SPIR-V")
    }

    // MARK: Parameters

    @Test func theParameterBlockHoldsOffsetsAndArgumentsWhereItSays() throws {
        let module = try SPIRVTesting.expectValid([Self.flow])[0]
        #expect(module.offsets.map(\.byteOffset) == [0])
        #expect(module.arguments.map(\.byteOffset) == [4, 8, 16, 20])
        #expect(module.arguments.map(\.byteCount) == [4, 8, 4, 4])
        #expect(module.parameterByteCount == 24)
        var bytes = [UInt8](repeating: 0, count: 24)
        bytes.withUnsafeMutableBytes { block in
            let numbers: [UInt64] = [UInt64.max - 1, 7, UInt64.max - 1, 9, 1]
            for (place, bits) in zip(module.offsets + module.arguments, numbers) {
                place.write(bits, to: block.baseAddress!)
            }
            #expect(block.loadUnaligned(fromByteOffset: 0, as: Int32.self) == -2)
            #expect(block.loadUnaligned(fromByteOffset: 4, as: Int32.self) == 7)
            #expect(block.loadUnaligned(fromByteOffset: 8, as: Int64.self) == -2)
            #expect(block.loadUnaligned(fromByteOffset: 16, as: UInt32.self) == 9)
            #expect(block.loadUnaligned(fromByteOffset: 20, as: UInt32.self) == 1)
        }
    }

    @Test func aKernelWithoutParametersHasNoBlock() throws {
        let kernel = KernelBuilder.build("nothing") { k in k.barrier() }
        let module = try SPIRVTesting.expectValid([kernel], .poor)[0]
        #expect(module.parameterByteCount == 0)
        #expect(!module.lines.contains { $0.contains("parameters") })
    }

    // MARK: Refusals

    private static func refusal(
        of kernel: Kernel, _ target: SPIRVTarget = .full, sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        do throws(TensorError) {
            _ = try SPIRVEmitter.module(of: kernel, target: target)
            Issue.record("\(kernel.name) is taken", sourceLocation: sourceLocation)
            return ""
        } catch {
            #expect(error.kind == .unsupported, sourceLocation: sourceLocation)
            #expect(error.message.hasPrefix("kernel \(kernel.name): "), sourceLocation: sourceLocation)
            return error.message
        }
    }

    @Test func whatVulkanHasNotIsRefusedByName() {
        func kernel(_ element: DType, _ change: (Value) -> Value) -> Kernel {
            KernelBuilder.build("k") { k in
                let x = k.buffer("x", element, .readWrite)
                x[k.workgroupID(0)] = change(x[k.workgroupID(0)])
            }
        }
        for operation in UnaryOperation.allCases where operation.isTranscendental {
            for element in [DType.float32, .float64] {
                let message = Self.refusal(of: kernel(element) { $0.unary(operation) })
                #expect(message.hasSuffix("Vulkan has no \(operation) of \(element)"))
            }
        }
        #expect(Self.refusal(of: kernel(.float64) { $0.binary(.power, $0) }).hasSuffix("no power of float64"))
        let long = KernelBuilder.build("long") { k in
            let x = k.buffer("x", .int64, .readWrite)
            x[k.workgroupID(0)] = x[k.workgroupID(0)] * 3
        }
        #expect(Self.refusal(of: long, .poor).hasSuffix("it needs int64, which the device lacks"))
        let remainder = kernel(.float64) { $0 % $0 }
        #expect(Self.refusal(of: remainder, SPIRVTarget([.float64])).contains("it needs int64"))
        let octets = KernelBuilder.build("octets") { k in
            let x = k.buffer("x", .float32, .readWrite)
            x.store(x.load(k.workgroupID(0), width: 8), at: k.workgroupID(0))
        }
        #expect(Self.refusal(of: octets).contains("vectors of 8 lanes"))
        #expect(Self.refusal(of: Self.subgroups(.int64)).contains("of int64 across a subgroup"))
        var target = SPIRVTarget.full
        target.subgroupArithmetic = false
        #expect(Self.refusal(of: Self.subgroups(.float32), target).hasSuffix("sums across a subgroup"))
        target.subgroupArithmetic = true
        target.subgroupShuffle = false
        #expect(Self.refusal(of: Self.subgroups(.float32), target).hasSuffix("shuffles across a subgroup"))
    }
}
