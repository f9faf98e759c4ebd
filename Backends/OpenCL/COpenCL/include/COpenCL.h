/* OpenCL through a loader that is opened at run time. Nothing is linked: a program without an OpenCL library starts. */
#ifndef NEEDLETAIL_COPENCL_H
#define NEEDLETAIL_COPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <stdint.h>

/* Of cl_nv_device_attribute_query, which the headers of some systems lack. */
#define NT_CL_DEVICE_PCI_BUS_ID_NV 0x4008
#define NT_CL_DEVICE_PCI_SLOT_ID_NV 0x4009
#define NT_CL_DEVICE_PCI_DOMAIN_ID_NV 0x400A
/* Of cl_amd_device_attribute_query: KiB that are free, and of the largest piece. */
#define NT_CL_DEVICE_GLOBAL_FREE_MEMORY_AMD 0x4039

typedef void(CL_CALLBACK *nt_cl_context_notify)(const char *, const void *, size_t, void *);
typedef void(CL_CALLBACK *nt_cl_program_notify)(cl_program, void *);

/* Every entry point used, all of OpenCL 1.2: X(result, name, parameters, arguments). */
#define NT_CL_STATUS_CALLS(X)                                                                                          \
    X(GetPlatformIDs, (cl_uint count, cl_platform_id * platforms, cl_uint * found), (count, platforms, found))         \
    X(GetPlatformInfo, (cl_platform_id platform, cl_platform_info name, size_t size, void *value, size_t *needed),     \
      (platform, name, size, value, needed))                                                                           \
    X(GetDeviceIDs,                                                                                                    \
      (cl_platform_id platform, cl_device_type type, cl_uint count, cl_device_id * devices, cl_uint * found),          \
      (platform, type, count, devices, found))                                                                         \
    X(GetDeviceInfo, (cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed),             \
      (device, name, size, value, needed))                                                                             \
    X(ReleaseContext, (cl_context context), (context))                                                                 \
    X(ReleaseCommandQueue, (cl_command_queue queue), (queue))                                                          \
    X(ReleaseMemObject, (cl_mem memory), (memory))                                                                     \
    X(BuildProgram,                                                                                                    \
      (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,                            \
       nt_cl_program_notify notify, void *data),                                                                       \
      (program, count, devices, options, notify, data))                                                                \
    X(GetProgramInfo, (cl_program program, cl_program_info name, size_t size, void *value, size_t *needed),            \
      (program, name, size, value, needed))                                                                            \
    X(GetProgramBuildInfo,                                                                                             \
      (cl_program program, cl_device_id device, cl_program_build_info name, size_t size, void *value, size_t *needed), \
      (program, device, name, size, value, needed))                                                                    \
    X(ReleaseProgram, (cl_program program), (program))                                                                 \
    X(SetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value), (kernel, index, size, value))   \
    X(ReleaseKernel, (cl_kernel kernel), (kernel))                                                                     \
    X(EnqueueNDRangeKernel,                                                                                            \
      (cl_command_queue queue, cl_kernel kernel, cl_uint rank, const size_t *offset, const size_t *global,             \
       const size_t *local, cl_uint count, const cl_event *events, cl_event *event),                                   \
      (queue, kernel, rank, offset, global, local, count, events, event))                                              \
    X(EnqueueReadBuffer,                                                                                               \
      (cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset, size_t size, void *host, cl_uint count, \
       const cl_event *events, cl_event *event),                                                                       \
      (queue, memory, blocking, offset, size, host, count, events, event))                                             \
    X(EnqueueWriteBuffer,                                                                                              \
      (cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset, size_t size, const void *host,          \
       cl_uint count, const cl_event *events, cl_event *event),                                                        \
      (queue, memory, blocking, offset, size, host, count, events, event))                                             \
    X(EnqueueUnmapMemObject,                                                                                           \
      (cl_command_queue queue, cl_mem memory, void *mapped, cl_uint count, const cl_event *events, cl_event *event),   \
      (queue, memory, mapped, count, events, event))                                                                   \
    X(EnqueueMarkerWithWaitList, (cl_command_queue queue, cl_uint count, const cl_event *events, cl_event *event),     \
      (queue, count, events, event))                                                                                   \
    X(EnqueueBarrierWithWaitList, (cl_command_queue queue, cl_uint count, const cl_event *events, cl_event *event),    \
      (queue, count, events, event))                                                                                   \
    X(Flush, (cl_command_queue queue), (queue))                                                                        \
    X(Finish, (cl_command_queue queue), (queue))                                                                       \
    X(WaitForEvents, (cl_uint count, const cl_event *events), (count, events))                                         \
    X(GetKernelWorkGroupInfo,                                                                                          \
      (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info name, size_t size, void *value,                \
       size_t *needed),                                                                                                \
      (kernel, device, name, size, value, needed))                                                                     \
    X(GetEventInfo, (cl_event event, cl_event_info name, size_t size, void *value, size_t *needed),                    \
      (event, name, size, value, needed))                                                                              \
    X(GetEventProfilingInfo, (cl_event event, cl_profiling_info name, size_t size, void *value, size_t *needed),       \
      (event, name, size, value, needed))                                                                              \
    X(ReleaseEvent, (cl_event event), (event))

/* Those that give an object, or NULL with the reason in `status`. */
#define NT_CL_OBJECT_CALLS(X)                                                                                          \
    X(cl_context, CreateContext,                                                                                       \
      (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,                            \
       nt_cl_context_notify notify, void *data, cl_int *status),                                                       \
      (properties, count, devices, notify, data, status))                                                              \
    X(cl_command_queue, CreateCommandQueue,                                                                            \
      (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *status),               \
      (context, device, properties, status))                                                                           \
    X(cl_mem, CreateBuffer, (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status),         \
      (context, flags, size, host, status))                                                                            \
    X(cl_program, CreateProgramWithSource,                                                                             \
      (cl_context context, cl_uint count, const char **strings, const size_t *lengths, cl_int *status),                \
      (context, count, strings, lengths, status))                                                                      \
    X(cl_program, CreateProgramWithBinary,                                                                             \
      (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,                          \
       const unsigned char **binaries, cl_int *binary_status, cl_int *status),                                         \
      (context, count, devices, lengths, binaries, binary_status, status))                                             \
    X(cl_kernel, CreateKernel, (cl_program program, const char *name, cl_int *status), (program, name, status))        \
    X(void *, EnqueueMapBuffer,                                                                                        \
      (cl_command_queue queue, cl_mem memory, cl_bool blocking, cl_map_flags flags, size_t offset, size_t size,        \
       cl_uint count, const cl_event *events, cl_event *event, cl_int *status),                                        \
      (queue, memory, blocking, flags, offset, size, count, events, event, status))

#define NT_CL_NUMBER(name, parameters, arguments) NT_CL_##name,
#define NT_CL_OBJECT_NUMBER(result, name, parameters, arguments) NT_CL_##name,
/* The entry points by number. */
typedef enum { NT_CL_STATUS_CALLS(NT_CL_NUMBER) NT_CL_OBJECT_CALLS(NT_CL_OBJECT_NUMBER) NT_CL_CALL_COUNT } nt_cl_call;
#undef NT_CL_NUMBER
#undef NT_CL_OBJECT_NUMBER

/* An opened loader. It is never closed: drivers do not survive their own unloading. */
typedef struct nt_cl nt_cl;

/* Opens the loader at `path`; NULL, with the reason in `reason`, where it is not there or lacks an entry point. */
nt_cl *nt_cl_open(const char *path, char *reason, size_t reason_size);

/* How often an entry point was called. */
uint64_t nt_cl_calls(nt_cl *library, nt_cl_call call);

/* Makes one call of an entry point fail with `status`, after `successes` more that do not; for tests. */
void nt_cl_fail(nt_cl *library, nt_cl_call call, uint64_t successes, cl_int status);

/* clFinish, neither counted nor made to fail: one queue waits for another's. */
cl_int nt_cl_drain(nt_cl *library, cl_command_queue queue);

/* The entry points themselves, behind the library: `nt_clFinish(library, queue)`. Each counts its calls. */
#define NT_CL_BEHIND(...) (nt_cl * library, __VA_ARGS__)
#define NT_CL_DECLARE(name, parameters, arguments) cl_int nt_cl##name NT_CL_BEHIND parameters;
#define NT_CL_DECLARE_OBJECT(result, name, parameters, arguments) result nt_cl##name NT_CL_BEHIND parameters;
NT_CL_STATUS_CALLS(NT_CL_DECLARE)
NT_CL_OBJECT_CALLS(NT_CL_DECLARE_OBJECT)
#undef NT_CL_DECLARE
#undef NT_CL_DECLARE_OBJECT

#endif
