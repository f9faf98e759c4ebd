import CPUKernels

/// What a launch runs with that has no other thread than the calling one.
final class CPULoneWorker: @unchecked Sendable {
    // Safety: who took it from the device's list has it alone.

    /// Without threads.
    let pool: OpaquePointer
    /// One scratch, where the device's pool has one for each thread.
    let scratch: UnsafeMutablePointer<OpaquePointer?>
    private var reserved = nt_memory()

    /// Nil where the system has no memory.
    init?() {
        guard let pool = nt_pool_create(1) else { return nil }
        guard let made = nt_scratch_create() else {
            nt_pool_destroy(pool)
            return nil
        }
        self.pool = pool
        scratch = .allocate(capacity: 1)
        scratch.initialize(to: made)
    }

    deinit {
        nt_pool_destroy(pool)
        nt_scratch_destroy(scratch.pointee)
        scratch.deallocate()
    }

    /// Makes the scratch as large as is needed; false where the system has no memory for that.
    func reserve(_ needs: nt_memory) -> Bool {
        if reserved.covers(needs) { return true }
        let own = scratch.pointee
        guard nt_scratch_reserve(own, Int32(NT_SCRATCH_REGISTERS), needs.registers),
            nt_scratch_reserve(own, Int32(NT_SCRATCH_WORKER), needs.worker),
            nt_scratch_reserve(own, Int32(NT_SCRATCH_CALL), needs.call)
        else { return false }
        nt_scratch_adopt(own)
        reserved = reserved.union(needs)
        return true
    }
}
