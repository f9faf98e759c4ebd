import OpenCLBackend
import Testing

/// What a driver says of the size of its answers is not believed.
@Suite struct QueryTests {
    @Test func anAnswerIsReadInItsSize() {
        let bytes = OpenCLQuery.bytes { size, memory, count in
            count?.pointee = 3
            memory?.copyMemory(from: [7, 8, 9] as [UInt8], byteCount: size)
            return 0
        }
        #expect(bytes == [7, 8, 9])
    }

    @Test(arguments: [1 << 62, .max, .min, -1, OpenCLQuery.maximumByteCount + 1])
    func aSizeThatCannotBeIsAFailedQuery(_ size: Int) {
        var wasAsked = false
        let bytes = OpenCLQuery.bytes { _, memory, count in
            if memory != nil { wasAsked = true }
            count?.pointee = size
            return 0
        }
        #expect(bytes == nil && !wasAsked)
    }

    @Test func aFailedQueryHasNoAnswer() {
        #expect(OpenCLQuery.bytes { _, _, _ in -30 } == nil)
        #expect(OpenCLQuery.bytes { _, _, count in count == nil ? -30 : 0 } == nil)
    }
}
