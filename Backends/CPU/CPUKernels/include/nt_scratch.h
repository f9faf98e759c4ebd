#ifndef NT_SCRATCH_H
#define NT_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

// One worker's memory, kept from launch to launch so that a launch allocates nothing: it is reserved when a kernel is
// made, and what a kernel needs beyond a bound it asks for as its workspace (nt_memory).
typedef struct nt_scratch nt_scratch;

// The fused interpreter's registers; the area of a launch, in the first worker's scratch; the area of a worker.
enum { NT_SCRATCH_REGISTERS, NT_SCRATCH_CALL, NT_SCRATCH_WORKER, NT_SCRATCH_SLOTS };

// What a kernel needs beside its operands, in bytes, from its shapes alone: registers and one area for each worker, and
// one area for the launch. Contents are undefined.
typedef struct {
    size_t registers, call, worker;
} nt_memory;

// NULL where there is no memory.
nt_scratch *nt_scratch_create(void);
void nt_scratch_destroy(nt_scratch *scratch);

// Takes memory for a slot of at least `bytes` bytes, also while a kernel runs; false, and the slot stays as it is,
// where there is none. Not by two threads at once, nor beside nt_scratch_adopt.
bool nt_scratch_reserve(nt_scratch *scratch, int slot, size_t bytes);

// Puts what was reserved in the place of what was there, before a launch.
void nt_scratch_adopt(nt_scratch *scratch);

// The slot's memory, 64-byte aligned.
void *nt_scratch_area(const nt_scratch *scratch, int slot);

#endif
