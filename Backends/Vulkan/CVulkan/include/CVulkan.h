/* Vulkan through a loader that is opened at run time. Nothing is linked: a program without a Vulkan library starts.
 *
 * Behind the entry points, which are counted, stand the few compound calls that the backend makes: what fills Vulkan's
 * structures is written in C, what decides in Swift. */
#ifndef NEEDLETAIL_CVULKAN_H
#define NEEDLETAIL_CVULKAN_H

#define VK_NO_PROTOTYPES
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* Every entry point used: of Vulkan 1.1, with a result, and without. */
#define NT_VK_STATUS_CALLS(X)                                                                                          \
    X(CreateInstance) X(EnumeratePhysicalDevices) X(EnumerateDeviceExtensionProperties) X(CreateDevice)                \
    X(QueueSubmit) X(CreateFence) X(GetFenceStatus) X(WaitForFences) X(ResetFences) X(AllocateMemory)                  \
    X(MapMemory) X(CreateBuffer) X(BindBufferMemory) X(CreateShaderModule) X(CreateDescriptorSetLayout)                \
    X(CreatePipelineLayout) X(CreatePipelineCache) X(GetPipelineCacheData) X(CreateComputePipelines)                   \
    X(CreateDescriptorPool) X(AllocateDescriptorSets) X(CreateCommandPool) X(AllocateCommandBuffers)                   \
    X(ResetCommandPool) X(BeginCommandBuffer) X(EndCommandBuffer) X(CreateQueryPool) X(GetQueryPoolResults)
#define NT_VK_VOID_CALLS(X)                                                                                            \
    X(DestroyInstance) X(GetPhysicalDeviceProperties) X(GetPhysicalDeviceProperties2)                                  \
    X(GetPhysicalDeviceFeatures2) X(GetPhysicalDeviceMemoryProperties2)                                                \
    X(GetPhysicalDeviceQueueFamilyProperties) X(DestroyDevice) X(GetDeviceQueue) X(FreeMemory) X(DestroyBuffer)        \
    X(GetBufferMemoryRequirements) X(DestroyFence) X(DestroyShaderModule) X(DestroyDescriptorSetLayout)                \
    X(DestroyPipelineLayout) X(DestroyPipelineCache) X(DestroyPipeline) X(DestroyDescriptorPool)                       \
    X(UpdateDescriptorSets) X(DestroyCommandPool) X(DestroyQueryPool) X(CmdBindPipeline)                               \
    X(CmdBindDescriptorSets) X(CmdDispatch) X(CmdPipelineBarrier) X(CmdCopyBuffer) X(CmdResetQueryPool)                \
    X(CmdWriteTimestamp)

#define NT_VK_NUMBER(name) NT_VK_##name,
/* The entry points by number. */
typedef enum { NT_VK_STATUS_CALLS(NT_VK_NUMBER) NT_VK_VOID_CALLS(NT_VK_NUMBER) NT_VK_CALL_COUNT } nt_vk_call;
#undef NT_VK_NUMBER

/* An opened loader and an instance of it. The loader is never closed: drivers do not survive their own unloading. */
typedef struct nt_vk nt_vk;

/* Told what the validation layer says. */
typedef void (*nt_vk_listener)(const char *message, void *context);

/* Opens the loader at `path`; NULL, with the reason in `reason`, where it is not there or is older than Vulkan 1.1. */
nt_vk *nt_vk_open(const char *path, char *reason, size_t reason_size);

/* Makes the instance. With a listener, calls and their synchronisation are validated. */
VkResult nt_vk_start(nt_vk *vk, nt_vk_listener listener, void *context);

/* Destroys the instance. */
void nt_vk_close(nt_vk *vk);

/* How often an entry point was called. */
uint64_t nt_vk_calls(nt_vk *vk, nt_vk_call call);

/* Makes one call of an entry point that gives a result fail with `status`, after `successes` more that do not: for
 * tests. */
void nt_vk_fail(nt_vk *vk, nt_vk_call call, uint64_t successes, VkResult status);

/* What a physical device says of itself. */
typedef struct {
    char name[256], driver_name[256], driver_info[256];
    VkPhysicalDeviceType type;
    uint32_t api_version, driver_version, driver_id, vendor_id, device_id;
    uint8_t uuid[16];
    VkBool32 has_pci;
    uint32_t pci[4];
    /* VK_QUEUE_FAMILY_IGNORED where no queue computes. */
    uint32_t queue_family, timestamp_bits;
    double timestamp_period;
    VkBool32 int64, float16, float64, storage8, storage16, preserves32, preserves64, addresses;
    uint32_t subgroup_size, subgroup_operations;
    uint32_t maximum_range, offset_alignment, invocations, shared_bytes, storage_buffers;
    uint32_t sizes[3], counts[3];
    uint64_t maximum_allocation;
    uint32_t memory_type_count, memory_flags[VK_MAX_MEMORY_TYPES], memory_heap[VK_MAX_MEMORY_TYPES];
    uint64_t heap_size[VK_MAX_MEMORY_HEAPS];
    /* What this process may have of each heap, as the driver says; 0 where it does not. */
    uint64_t heap_budget[VK_MAX_MEMORY_HEAPS];
    /* What it has of each, where there is a budget. */
    uint64_t heap_usage[VK_MAX_MEMORY_HEAPS];
} nt_vk_facts;

/* The physical devices; all that fit. */
VkResult nt_vk_list(nt_vk *vk, uint32_t *count, VkPhysicalDevice *devices);
/* A device below Vulkan 1.1 is asked for its name and version alone. */
void nt_vk_describe(nt_vk *vk, VkPhysicalDevice device, nt_vk_facts *facts);

/* An opened device with its one queue. */
typedef struct nt_vk_device nt_vk_device;

VkResult nt_vk_open_device(nt_vk *vk, VkPhysicalDevice physical, const nt_vk_facts *facts, nt_vk_device **device);
void nt_vk_close_device(nt_vk_device *device);
/* The types of memory that buffers may lie in, a bit each; 0 where the device makes none. */
uint32_t nt_vk_buffer_types(nt_vk_device *device);

/* A buffer with memory of its own, mapped if wanted. */
typedef struct {
    VkBuffer buffer;
    VkDeviceMemory memory;
    void *mapped;
    /* Where kernels find it; 0 where the device tells no addresses. */
    VkDeviceAddress address;
} nt_vk_memory;

VkResult nt_vk_allocate(nt_vk_device *device, uint64_t size, uint32_t type, VkBool32 maps, nt_vk_memory *memory);
void nt_vk_free(nt_vk_device *device, nt_vk_memory memory);

/* A pipeline, and what it is made with. */
typedef struct {
    VkDescriptorSetLayout set;
    VkPipelineLayout layout;
    VkPipelineCache cache;
    VkPipeline pipeline;
} nt_vk_program;

/* Builds a pipeline of a module whose set 0 has storage buffers at bindings 0 to `buffers` - 1. `kept` is what an earlier
 * process had from `nt_vk_program_data`. */
VkResult nt_vk_build(nt_vk_device *device, const uint32_t *words, size_t word_count, uint32_t buffers, const void *kept,
                     size_t kept_size, nt_vk_program *program);
VkResult nt_vk_program_data(nt_vk_device *device, nt_vk_program program, size_t *size, void *data);
void nt_vk_release(nt_vk_device *device, nt_vk_program program);

/* Commands that may be submitted again and again, with their descriptors, and timestamps where wanted. */
typedef struct {
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkDescriptorPool descriptors;
    VkQueryPool times;
    /* Timestamps: 0, 2 for the whole, or 2 for each dispatch. */
    uint32_t time_count;
} nt_vk_recording;

/* Begins a recording of `dispatches` dispatches that bind `buffers` buffers together. Its first command waits for all
 * work before it on the queue. `time_count`: see above. */
VkResult nt_vk_begin(nt_vk_device *device, uint32_t dispatches, uint32_t buffers, uint32_t time_count,
                     nt_vk_recording *recording);
/* Begins a recording of copies anew. */
VkResult nt_vk_begin_again(nt_vk_device *device, nt_vk_recording recording);
/* `waits`: for the dispatches before it in the recording. */
VkResult nt_vk_dispatch(nt_vk_device *device, nt_vk_recording recording, uint32_t number, nt_vk_program program,
                        const VkDescriptorBufferInfo *buffers, uint32_t count, const uint32_t grid[3], VkBool32 waits);
void nt_vk_copy(nt_vk_device *device, nt_vk_recording recording, VkBuffer source, uint64_t source_offset,
                VkBuffer destination, uint64_t offset, uint64_t size);
/* Ends it; what was written is then there for the host. */
VkResult nt_vk_end(nt_vk_device *device, nt_vk_recording recording);
/* Start and end of the whole or of each dispatch, in the device's ticks. */
VkResult nt_vk_times(nt_vk_device *device, nt_vk_recording recording, uint64_t *times);
void nt_vk_discard(nt_vk_device *device, nt_vk_recording recording);

VkResult nt_vk_make_fence(nt_vk_device *device, VkFence *fence);
VkResult nt_vk_reset_fence(nt_vk_device *device, VkFence fence);
void nt_vk_drop_fence(nt_vk_device *device, VkFence fence);
/* By one thread at a time. */
VkResult nt_vk_submit(nt_vk_device *device, nt_vk_recording recording, VkFence fence);
/* VK_NOT_READY while the work is not done. */
VkResult nt_vk_is_done(nt_vk_device *device, VkFence fence);
VkResult nt_vk_wait(nt_vk_device *device, VkFence fence);

#endif
