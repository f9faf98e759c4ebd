/* A Vulkan loader for tests, in front of the real one: what it answers is the real one's, but for the fault that the
 * environment's FAKE_VULKAN names. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

static PFN_vkGetInstanceProcAddr real_find;
static VkInstance the_instance;

static int has(const char *fault) {
    const char *named = getenv("FAKE_VULKAN");
    return named && !strcmp(named, fault);
}

#define REAL(name) ((PFN_vk##name)real_find(the_instance, "vk" #name))

static VkResult VKAPI_CALL fake_EnumerateInstanceVersion(uint32_t *version) {
    if (has("an old loader")) return *version = VK_API_VERSION_1_0, VK_SUCCESS;
    return ((PFN_vkEnumerateInstanceVersion)real_find(NULL, "vkEnumerateInstanceVersion"))(version);
}

static VkResult VKAPI_CALL fake_CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *callbacks,
                                               VkInstance *instance) {
    if (has("no instance")) return VK_ERROR_INITIALIZATION_FAILED;
    VkResult status = ((PFN_vkCreateInstance)real_find(NULL, "vkCreateInstance"))(info, callbacks, instance);
    the_instance = *instance;
    return status;
}

static VkResult VKAPI_CALL fake_EnumeratePhysicalDevices(VkInstance instance, uint32_t *count,
                                                         VkPhysicalDevice *devices) {
    if (has("no device")) return *count = 0, VK_SUCCESS;
    return REAL(EnumeratePhysicalDevices)(instance, count, devices);
}

static void VKAPI_CALL fake_GetPhysicalDeviceProperties(VkPhysicalDevice device,
                                                        VkPhysicalDeviceProperties *properties) {
    REAL(GetPhysicalDeviceProperties)(device, properties);
    if (has("an old driver")) properties->apiVersion = VK_MAKE_API_VERSION(0, 1, 0, 65);
}

static void VKAPI_CALL fake_GetPhysicalDeviceProperties2(VkPhysicalDevice device,
                                                         VkPhysicalDeviceProperties2 *properties) {
    if (has("an old driver")) {
        fprintf(stderr, "a driver of Vulkan 1.0 was asked what Vulkan 1.1 has\n");
        abort();
    }
    REAL(GetPhysicalDeviceProperties2)(device, properties);
    if (has("few buffers")) properties->properties.limits.maxPerStageDescriptorStorageBuffers = 3;
}

static void VKAPI_CALL fake_GetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice device, uint32_t *count,
                                                                   VkQueueFamilyProperties *families) {
    REAL(GetPhysicalDeviceQueueFamilyProperties)(device, count, families);
    if (!families || !has("no compute queue")) return;
    for (uint32_t i = 0; i < *count; i++) families[i].queueFlags &= ~(VkQueueFlags)VK_QUEUE_COMPUTE_BIT;
}

static VkResult VKAPI_CALL fake_CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                             const VkAllocationCallbacks *callbacks, VkDevice *device) {
    if (has("a device that does not open")) return VK_ERROR_INITIALIZATION_FAILED;
    return REAL(CreateDevice)(physical, info, callbacks, device);
}

static VkResult VKAPI_CALL fake_CreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *callbacks, VkPipeline *pipelines) {
    if (has("no pipeline")) return memset(pipelines, 0, count * sizeof *pipelines), VK_ERROR_UNKNOWN;
    return REAL(CreateComputePipelines)(device, cache, count, infos, callbacks, pipelines);
}

static VkResult VKAPI_CALL fake_QueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
    if (has("a lost device")) return VK_ERROR_DEVICE_LOST;
    return REAL(QueueSubmit)(queue, count, infos, fence);
}

static VkResult VKAPI_CALL fake_AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory) {
    if (has("no memory")) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return REAL(AllocateMemory)(device, info, callbacks, memory);
}

#define OWN(name)                                                                                                      \
    if (!strcmp(name_of_call, "vk" #name)) return (PFN_vkVoidFunction)fake_##name

PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance, const char *name_of_call) {
    if (!real_find) {
        void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
        real_find = library ? (PFN_vkGetInstanceProcAddr)dlsym(library, "vkGetInstanceProcAddr") : NULL;
        if (!real_find) return NULL;
    }
    OWN(EnumerateInstanceVersion);
    OWN(CreateInstance);
    OWN(EnumeratePhysicalDevices);
    OWN(GetPhysicalDeviceProperties);
    OWN(GetPhysicalDeviceProperties2);
    OWN(GetPhysicalDeviceQueueFamilyProperties);
    OWN(CreateDevice);
    OWN(CreateComputePipelines);
    OWN(QueueSubmit);
    OWN(AllocateMemory);
    return real_find(instance, name_of_call);
}
