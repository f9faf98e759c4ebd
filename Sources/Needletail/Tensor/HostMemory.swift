import Foundation
import TensorRuntime

/// An array of `count` elements that `body` initialises, all of them.
///
/// Swift ends the process where an array finds no memory. So for a large one the system is asked first.
///
/// - Throws: `outOfMemory`, and what `body` throws.
func withHostMemory<Element>(
    _ count: Int, of type: Element.Type, for operation: String,
    _ body: (UnsafeMutableBufferPointer<Element>) throws(TensorError) -> Void
) throws(TensorError) -> [Element] {
    let (size, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflows, hostHasMemory(size) else {
        throw TensorError(
            .outOfMemory,
            "\(operation): the host has no memory for \(count) elements of \(type); use fewer, or a part of them")
    }
    var failure: TensorError?
    let result = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
        do throws(TensorError) {
            // An array's storage may be larger than was asked for.
            try body(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            initialized = count
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return result
}

/// Whether the system would give as many bytes. (A pair of malloc and free is one that compilers leave out.)
func hostHasMemory(_ size: Int) -> Bool {
    if size < 1 << 20 { return true }
    let place = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let place, place != MAP_FAILED else { return false }
    munmap(place, size)
    return true
}
