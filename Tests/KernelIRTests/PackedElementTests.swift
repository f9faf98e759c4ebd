import KernelIR
import TensorRuntime
import Testing

/// Elements of 8 and 16 bits in 32-bit words: at odd offsets, in lengths that fill no word, in scalars and vectors.
@Suite struct PackedElementTests {
    private static let packed: [DType] = [.uint8, .bool, .float16, .bfloat16]

    /// Bytes that are no two alike to their neighbours; for bools, 0 and 1.
    private static func bytes(_ count: Int, _ element: DType) -> [UInt8] {
        (0..<count).map { index -> UInt8 in
            if element == .bool { return index % 3 == 0 ? 1 : 0 }
            return UInt8((index * 41) % 120)
        }
    }

    /// y[i] = x[i] for i < n, each work-item `width` of them, whose place is an int32 or an int64.
    private static func copy(_ element: DType, width: Int, index: ScalarType) -> Kernel {
        KernelBuilder.build("copy", workgroupSize: [16, 1, 1]) { k in
            let x = k.buffer("x", element, .read)
            let y = k.buffer("y", element, .write)
            let n = k.argument("n", .int32)
            let i = k.globalID(0) * width
            k.if(i + (width - 1) < n) {
                let place = i.convert(to: index)
                y.store(x.load(place, width: width), at: place)
            } else: {
                k.loop(from: i, to: n) { j in y[j.convert(to: index)] = x[j.convert(to: index)] }
            }
        }
    }

    @Test(arguments: packed, [1, 2, 4, 8, 16]) func copiesWriteTheirBytesAndNoOthers(
        _ element: DType, _ width: Int
    ) throws {
        let bytes = Self.bytes(160, element)
        for index in [ScalarType.int32, .int64] {
            let kernel = Self.copy(element, width: width, index: index)
            for lacking in [true, false] {
                let target = KernelTarget.poor(
                    lanes: width == 2 ? 1 : 4, having: lacking ? [] : [.int64])
                for (from, to, count) in [(0, 0, 17), (1, 0, 19), (2, 3, 31), (3, 1, 16), (3, 2, 1), (0, 1, 0)] {
                    let result = try expectSame(
                        kernel, for: target, workgroups: 3, arguments: [UInt64(count)],
                        [
                            Region(bytes, offset: from),
                            Region([UInt8](repeating: 0x3C, count: 160), offset: to),
                        ], "\(count) \(element) from \(from) to \(to)")
                    let size = element.byteCount
                    let expected =
                        [UInt8](repeating: 0x3C, count: to * size)
                        + bytes[from * size..<(from + count) * size]
                        + [UInt8](repeating: 0x3C, count: 160 - (to + count) * size)
                    #expect(result[1].bytes == expected)
                }
            }
        }
    }

    /// In place, each work-item its element, so that neighbours read and write one word at once.
    @Test(arguments: packed) func neighboursWorkInPlace(_ element: DType) throws {
        let kernel = KernelBuilder.build("k", workgroupSize: [16, 1, 1]) { k in
            let x = k.buffer("x", element, .readWrite)
            let i = k.globalID(0)
            let value = x[i]
            x[i] = element == .bool ? !value : value + value
        }
        let bytes = Self.bytes(64, element)
        for offset in 0..<4 { try expectSame(kernel, [Region(bytes, offset: offset)], "\(element) at \(offset)") }
    }

    @Test func twoAtOneElementAreStillARace() {
        let kernel = KernelBuilder.build("k", workgroupSize: [4, 1, 1]) { k in
            let x = k.buffer("x", .float16, .write)
            x[k.localID(0) / 2] = k.constant(1, .float32)
        }
        expectError(.race) {
            _ = try run(kernel, for: .poor(), [Region([0, 0, 0, 0] as [UInt16])])
        }
    }

    @Test func bytesAreCutAndBoolsAreOneOrZero() throws {
        let kernel = KernelBuilder.build("k", workgroupSize: [4, 1, 1]) { k in
            let x = k.buffer("x", .int32, .read)
            let y = k.buffer("y", .uint8, .write)
            let z = k.buffer("z", .bool, .readWrite)
            let i = k.localID(0)
            y[i] = x[i]
            z[i] = z[i] ^ (x[i] > 0)
        }
        let result = try expectSame(
            kernel,
            [
                Region([-1, 256, 0x1234_5678, -200] as [Int32]), Region([UInt8](repeating: 9, count: 8)),
                Region([0, 7, 0, 255, 3, 3, 3, 3] as [UInt8]),
            ])
        #expect(result[1].bytes == [255, 0, 0x78, 56, 9, 9, 9, 9])
        #expect(result[2].bytes == [0, 0, 1, 1, 3, 3, 3, 3])
    }

    /// Reads `element` and writes it as float32, or the other way round.
    private static func convert(_ source: DType, _ target: DType, width: Int) -> Kernel {
        KernelBuilder.build("k", workgroupSize: [128, 1, 1]) { k in
            let x = k.buffer("x", source, .read)
            let y = k.buffer("y", target, .write)
            let i = k.globalID(0) * width
            y.store(x.load(i, width: width), at: i)
        }
    }

    @Test(arguments: [DType.float16, .bfloat16], [1, 4]) func every16BitFloatIsReadExactly(
        _ element: DType, _ width: Int
    ) throws {
        let regions = [Region((0..<65536).map { UInt16($0) }), Region([Float](repeating: 0, count: 65536))]
        let got = try run(
            Self.convert(element, .float32, width: width), for: .poor(), workgroups: 512 / width, regions)
        let wrong = got[1].elements(as: Float.self).enumerated().filter { bits, value in
            let expected = Self.value(UInt16(bits), element)
            return value.bitPattern != expected.bitPattern && !(value.isNaN && expected.isNaN)
        }
        #expect(wrong.isEmpty, "\(wrong.count), the first \(wrong.prefix(3))")
    }

    /// The number that 16 bits are.
    private static func value(_ bits: UInt16, _ element: DType) -> Float {
        element == .float16 ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
    }

    /// Every 16-bit float's neighbourhood in float32: itself, the halves between, and what is just beside them.
    private static func neighbourhoods(_ element: DType) -> [Float] {
        let halves = (0..<65536).map { value(UInt16($0), element) }
        let beside: [UInt32] = element == .float16 ? [0, 1, 0xFFF, 0x1000, 0x1001] : [0, 1, 0x7FFF, 0x8000, 0x8001]
        var result = halves.enumerated().map { Float(bitPattern: $1.bitPattern &+ beside[$0 % beside.count]) }
        for place in 0..<40 {
            result += (0..<64).map {
                Float(64 + $0) * 0x1p-30 * Float(sign: .plus, exponent: -place / 2, significand: 1)
            }
        }
        result += [
            65503, 65504, 65519, 65519.99, 65520, 65521, 1e5, 3.4e38, 0x1p-24, 0x1p-25, 0x1.000002p-25,
            Float(bitPattern: 71_362), -0.0,
        ]
        while result.count % 512 != 0 { result.append(1) }
        return result
    }

    @Test(arguments: [DType.float16, .bfloat16], [1, 4]) func floatsAreRoundedAsByAStore(
        _ element: DType, _ width: Int
    ) throws {
        let values = Self.neighbourhoods(element)
        let regions = [Region(values), Region([UInt16](repeating: 0, count: values.count))]
        let kernel = Self.convert(.float32, element, width: width)
        let groups = values.count / 128 / width
        let expected = try run(kernel, for: nil, workgroups: groups, regions)[1].elements(as: UInt16.self)
        let got = try run(kernel, for: .poor(), workgroups: groups, regions)[1].elements(as: UInt16.self)
        let infinity: UInt16 = element == .float16 ? 0x7C00 : 0x7F80
        let wrong = values.indices.filter { number in
            let isNaN = got[number] & 0x7FFF > infinity && expected[number] & 0x7FFF > infinity
            return got[number] != expected[number] && !isNaN
        }
        #expect(wrong.isEmpty, "\(wrong.count), the first \(wrong.prefix(3).map { values[$0] })")
    }
}
