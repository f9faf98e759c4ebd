/* What the files of this target share: the entry points, and how they are called. */
#ifndef NEEDLETAIL_CVULKAN_PRIVATE_H
#define NEEDLETAIL_CVULKAN_PRIVATE_H

#include "CVulkan.h"

#include <stdatomic.h>

/* What is known of one entry point. */
typedef struct {
    PFN_vkVoidFunction function;
    _Atomic uint64_t calls;
    /* The call that is to fail, counted from 1; 0 for none. */
    _Atomic uint64_t failing;
    _Atomic int failure;
} nt_vk_entry;

struct nt_vk {
    nt_vk_entry entries[NT_VK_CALL_COUNT];
    PFN_vkGetInstanceProcAddr find;
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    nt_vk_listener listener;
    void *context;
};

struct nt_vk_device {
    nt_vk *vk;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    /* NULL where the device tells no addresses. */
    PFN_vkGetBufferDeviceAddressKHR address;
};

/* Counts a call; the status that it is to fail with, or VK_SUCCESS. */
static inline VkResult nt_vk_begin_call(nt_vk_entry *entry) {
    uint64_t number = atomic_fetch_add_explicit(&entry->calls, 1, memory_order_relaxed) + 1;
    return atomic_load_explicit(&entry->failing, memory_order_relaxed) == number ? (VkResult)atomic_load(&entry->failure)
                                                                                  : VK_SUCCESS;
}

/* Calls an entry point, or fails as it is to. */
#define CALL(vk, name, ...)                                                                                            \
    (nt_vk_begin_call(&(vk)->entries[NT_VK_##name]) ?: ((PFN_vk##name)(vk)->entries[NT_VK_##name].function)(__VA_ARGS__))
#define RUN(vk, name, ...)                                                                                             \
    ((void)nt_vk_begin_call(&(vk)->entries[NT_VK_##name]), ((PFN_vk##name)(vk)->entries[NT_VK_##name].function)(__VA_ARGS__))

/* Returns the status of a call that failed. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        VkResult status = (call);                                                                                      \
        if (status != VK_SUCCESS) return status;                                                                       \
    } while (0)

/* The most buffers of a program. */
enum { MAXIMUM_BUFFERS = 64 };

#endif
