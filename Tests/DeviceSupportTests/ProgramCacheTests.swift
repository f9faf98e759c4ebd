import DeviceSupport
import Foundation
import TestSupport
import Testing

/// The files that hold compiled programs.
@Suite struct ProgramCacheTests {
    private static func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    private let entry = ProgramCache.Entry(binary: (0..<500).map { UInt8(truncatingIfNeeded: $0 * 7) }, variants: 3)

    @Test func aNameIsTheKeysHash() {
        // The test vectors of FNV-1a with 128 bits.
        #expect(ProgramCache.name([]) == "6c62272e07bb014262b821756295c58d")
        #expect(ProgramCache.name(Self.key("a")) == "d228cb696f1a8caf78912b704e4a8964")
    }

    @Test func whatIsStoredIsLoaded() {
        let directory = TemporaryDirectory()
        let cache = ProgramCache(directory: directory.path + "/deeper", backend: "opencl")
        #expect(cache.complaint == nil)
        #expect(cache.load(Self.key("key")) == nil)
        cache.store(Self.key("key"), entry)
        #expect(cache.load(Self.key("key")) == entry)
        #expect(cache.load(Self.key("other")) == nil)
        cache.store(Self.key("key"), ProgramCache.Entry(binary: [1], variants: 1))
        #expect(cache.load(Self.key("key")) == ProgramCache.Entry(binary: [1], variants: 1))
        #expect(directory.files(in: "deeper/opencl").count == 1)
    }

    @Test func aFileOfAnotherKeyIsNone() throws {
        let directory = TemporaryDirectory()
        let cache = ProgramCache(directory: directory.path, backend: "opencl")
        cache.store(Self.key("key"), entry)
        try FileManager.default.copyItem(atPath: cache.path(Self.key("key")), toPath: cache.path(Self.key("kez")))
        #expect(cache.load(Self.key("kez")) == nil)
    }

    @Test func everySpoiltByteAndEveryCutIsFound() throws {
        let directory = TemporaryDirectory()
        let cache = ProgramCache(directory: directory.path, backend: "opencl")
        cache.store(Self.key("key"), entry)
        let whole = [UInt8](try #require(FileManager.default.contents(atPath: cache.path(Self.key("key")))))
        for place in stride(from: 0, to: whole.count, by: 13) {
            var spoilt = whole
            spoilt[place] ^= 0x40
            #expect(FileManager.default.createFile(atPath: cache.path(Self.key("key")), contents: Data(spoilt)))
            #expect(cache.load(Self.key("key")) == nil, "byte \(place)")
            #expect(
                FileManager.default.createFile(atPath: cache.path(Self.key("key")), contents: Data(whole[..<place])))
            #expect(cache.load(Self.key("key")) == nil, "cut at \(place)")
        }
    }

    @Test func theLongestUnusedProgramsGoOnceThereAreTooMany() throws {
        let directory = TemporaryDirectory()
        let cache = ProgramCache(directory: directory.path, backend: "opencl")
        for number in 0..<8 { cache.store(Self.key("key \(number)"), entry) }
        let size = try #require(FileManager.default.contents(atPath: cache.path(Self.key("key 0")))).count
        for number in 0..<8 {
            let used = Date(timeIntervalSinceNow: Double(number - 100))
            try FileManager.default.setAttributes(
                [.modificationDate: used], ofItemAtPath: cache.path(Self.key("key \(number)")))
        }
        let left = cache.path(Self.key("key 9")) + ".1-2.tmp"
        directory.write("", to: "opencl/" + URL(fileURLWithPath: left).lastPathComponent)
        // Loading is using.
        #expect(cache.load(Self.key("key 1")) == entry)
        cache.prune(maximumByteCount: 8 * size)
        #expect(directory.files(in: "opencl").count == 9)
        let old = Date(timeIntervalSinceNow: -100_000)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: left)
        cache.prune(maximumByteCount: 7 * size)
        #expect((0..<8).filter { cache.load(Self.key("key \($0)")) == entry } == [1, 4, 5, 6, 7])
        #expect(directory.files(in: "opencl").count == 5)
    }

    @Test func backendsHaveFoldersOfTheirOwn() {
        let directory = TemporaryDirectory()
        let opencl = ProgramCache(directory: directory.path, backend: "opencl")
        let vulkan = ProgramCache(directory: directory.path, backend: "vulkan")
        opencl.store(Self.key("key"), entry)
        #expect(vulkan.load(Self.key("key")) == nil)
        vulkan.store(Self.key("key"), ProgramCache.Entry(binary: [2], variants: 1))
        #expect(opencl.load(Self.key("key")) == entry)
        #expect(directory.files(in: "opencl").count == 1 && directory.files(in: "vulkan").count == 1)
    }

    @Test func withoutADirectoryNothingIsKept() {
        let cache = ProgramCache(directory: nil, backend: "opencl")
        cache.store(Self.key("key"), entry)
        #expect(cache.load(Self.key("key")) == nil)
        #expect(cache.complaint == "compiled programs are not kept")
    }
}
