#include "COpenCL.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* What is known of one entry point. */
typedef struct {
    void *function;
    _Atomic uint64_t calls;
    /* The call that is to fail, counted from 1; 0 for none. */
    _Atomic uint64_t failing;
    _Atomic cl_int failure;
} nt_cl_entry;

struct nt_cl {
    nt_cl_entry entries[NT_CL_CALL_COUNT];
};

#define NT_CL_NAME(name, parameters, arguments) "cl" #name,
#define NT_CL_OBJECT_NAME(result, name, parameters, arguments) "cl" #name,
static const char *const names[NT_CL_CALL_COUNT] = {
    NT_CL_STATUS_CALLS(NT_CL_NAME) NT_CL_OBJECT_CALLS(NT_CL_OBJECT_NAME)};

nt_cl *nt_cl_open(const char *path, char *reason, size_t reason_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, reason_size, "%s", dlerror());
        return NULL;
    }
    nt_cl *library = calloc(1, sizeof *library);
    if (!library) abort();
    for (int call = 0; call < NT_CL_CALL_COUNT; call++) {
        library->entries[call].function = dlsym(handle, names[call]);
        if (!library->entries[call].function) {
            snprintf(reason, reason_size, "%s has no %s: it is older than OpenCL 1.2", path, names[call]);
            free(library);
            dlclose(handle);
            return NULL;
        }
    }
    return library;
}

uint64_t nt_cl_calls(nt_cl *library, nt_cl_call call) { return atomic_load(&library->entries[call].calls); }

void nt_cl_fail(nt_cl *library, nt_cl_call call, uint64_t successes, cl_int status) {
    nt_cl_entry *entry = &library->entries[call];
    atomic_store(&entry->failure, status);
    atomic_store(&entry->failing, atomic_load(&entry->calls) + successes + 1);
}

/* Counts a call; the status that it is to fail with, or CL_SUCCESS. */
static inline cl_int begin(nt_cl_entry *entry) {
    uint64_t number = atomic_fetch_add_explicit(&entry->calls, 1, memory_order_relaxed) + 1;
    return atomic_load_explicit(&entry->failing, memory_order_relaxed) == number ? atomic_load(&entry->failure)
                                                                                  : CL_SUCCESS;
}

#define NT_CL_BEHIND(...) (nt_cl * library, __VA_ARGS__)

#define NT_CL_DEFINE(name, parameters, arguments)                                                                      \
    cl_int nt_cl##name NT_CL_BEHIND parameters {                                                                       \
        nt_cl_entry *entry = &library->entries[NT_CL_##name];                                                          \
        cl_int failure = begin(entry);                                                                                 \
        if (failure) return failure;                                                                                   \
        return ((cl_int(CL_API_CALL *) parameters)entry->function)arguments;                                           \
    }

#define NT_CL_DEFINE_OBJECT(result, name, parameters, arguments)                                                       \
    result nt_cl##name NT_CL_BEHIND parameters {                                                                       \
        nt_cl_entry *entry = &library->entries[NT_CL_##name];                                                          \
        cl_int failure = begin(entry);                                                                                 \
        if (failure) {                                                                                                 \
            *status = failure;                                                                                         \
            return NULL;                                                                                               \
        }                                                                                                              \
        return ((result(CL_API_CALL *) parameters)entry->function)arguments;                                           \
    }

NT_CL_STATUS_CALLS(NT_CL_DEFINE)
NT_CL_OBJECT_CALLS(NT_CL_DEFINE_OBJECT)

cl_int nt_cl_drain(nt_cl *library, cl_command_queue queue) {
    return ((cl_int(CL_API_CALL *)(cl_command_queue))library->entries[NT_CL_Finish].function)(queue);
}
