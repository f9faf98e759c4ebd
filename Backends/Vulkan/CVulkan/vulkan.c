#include "CVulkan.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define NT_VK_NAME(name) "vk" #name,
static const char *const names[NT_VK_CALL_COUNT] = {NT_VK_STATUS_CALLS(NT_VK_NAME) NT_VK_VOID_CALLS(NT_VK_NAME)};

/* Counts a call; the status that it is to fail with, or VK_SUCCESS. */
static inline VkResult begin(nt_vk_entry *entry) {
    uint64_t number = atomic_fetch_add_explicit(&entry->calls, 1, memory_order_relaxed) + 1;
    return atomic_load_explicit(&entry->failing, memory_order_relaxed) == number ? (VkResult)atomic_load(&entry->failure)
                                                                                  : VK_SUCCESS;
}

/* Calls an entry point, or fails as it is to. */
#define CALL(vk, name, ...)                                                                                            \
    (begin(&(vk)->entries[NT_VK_##name]) ?: ((PFN_vk##name)(vk)->entries[NT_VK_##name].function)(__VA_ARGS__))
#define RUN(vk, name, ...)                                                                                             \
    ((void)begin(&(vk)->entries[NT_VK_##name]), ((PFN_vk##name)(vk)->entries[NT_VK_##name].function)(__VA_ARGS__))

/* Returns the status of a call that failed. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        VkResult status = (call);                                                                                      \
        if (status != VK_SUCCESS) return status;                                                                       \
    } while (0)

/* MARK: Loader and instance */

nt_vk *nt_vk_open(const char *path, char *reason, size_t reason_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, reason_size, "%s", dlerror());
        return NULL;
    }
    PFN_vkGetInstanceProcAddr find = (PFN_vkGetInstanceProcAddr)dlsym(handle, "vkGetInstanceProcAddr");
    PFN_vkEnumerateInstanceVersion ask =
        find ? (PFN_vkEnumerateInstanceVersion)find(NULL, "vkEnumerateInstanceVersion") : NULL;
    uint32_t version = VK_API_VERSION_1_0;
    if (ask) ask(&version);
    if (version < VK_API_VERSION_1_1) {
        snprintf(reason, reason_size, "%s %s", path,
                 find ? "is older than Vulkan 1.1" : "has no vkGetInstanceProcAddr");
        dlclose(handle);
        return NULL;
    }
    nt_vk *vk = calloc(1, sizeof *vk);
    if (!vk) abort();
    vk->find = find;
    vk->entries[NT_VK_CreateInstance].function = find(NULL, names[NT_VK_CreateInstance]);
    return vk;
}

static VkBool32 VKAPI_CALL hear(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT type,
                                const VkDebugUtilsMessengerCallbackDataEXT *data, void *context) {
    (void)severity, (void)type;
    nt_vk *vk = context;
    /* The loader's own, about drivers that it left out, have no number. */
    if (strcmp(data->pMessageIdName ? data->pMessageIdName : "", "Loader Message"))
        vk->listener(data->pMessage, vk->context);
    return VK_FALSE;
}

VkResult nt_vk_start(nt_vk *vk, nt_vk_listener listener, void *context) {
    vk->listener = listener;
    vk->context = context;
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pApplicationName = "needletail",
                                     .pEngineName = "needletail",
                                     .apiVersion = VK_API_VERSION_1_1};
    VkDebugUtilsMessengerCreateInfoEXT messages = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = hear,
        .pUserData = vk};
    VkValidationFeatureEnableEXT enabled[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .pNext = &messages,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = enabled};
    const char *layers[] = {"VK_LAYER_KHRONOS_validation"};
    const char *extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    if (listener) {
        info.pNext = &features;
        info.enabledLayerCount = info.enabledExtensionCount = 1;
        info.ppEnabledLayerNames = layers;
        info.ppEnabledExtensionNames = extensions;
    }
    TRY(CALL(vk, CreateInstance, &info, NULL, &vk->instance));
    for (int call = 0; call < NT_VK_CALL_COUNT; call++) {
        if (call != NT_VK_CreateInstance) vk->entries[call].function = vk->find(vk->instance, names[call]);
        if (!vk->entries[call].function) return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    if (!listener) return VK_SUCCESS;
    PFN_vkCreateDebugUtilsMessengerEXT listen =
        (PFN_vkCreateDebugUtilsMessengerEXT)vk->find(vk->instance, "vkCreateDebugUtilsMessengerEXT");
    return listen(vk->instance, &messages, NULL, &vk->messenger);
}

void nt_vk_close(nt_vk *vk) {
    if (vk->messenger)
        ((PFN_vkDestroyDebugUtilsMessengerEXT)vk->find(vk->instance, "vkDestroyDebugUtilsMessengerEXT"))(
            vk->instance, vk->messenger, NULL);
    if (vk->instance) RUN(vk, DestroyInstance, vk->instance, NULL);
    free(vk);
}

uint64_t nt_vk_calls(nt_vk *vk, nt_vk_call call) { return atomic_load(&vk->entries[call].calls); }

void nt_vk_fail(nt_vk *vk, nt_vk_call call, uint64_t successes, VkResult status) {
    nt_vk_entry *entry = &vk->entries[call];
    atomic_store(&entry->failure, status);
    atomic_store(&entry->failing, atomic_load(&entry->calls) + successes + 1);
}

/* MARK: Physical devices */

VkResult nt_vk_list(nt_vk *vk, uint32_t *count, VkPhysicalDevice *devices) {
    VkResult status = CALL(vk, EnumeratePhysicalDevices, vk->instance, count, devices);
    return status == VK_INCOMPLETE ? VK_SUCCESS : status;
}

uint32_t nt_vk_version(nt_vk *vk, VkPhysicalDevice device) {
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    RUN(vk, GetPhysicalDeviceProperties2, device, &properties);
    return properties.properties.apiVersion;
}

/* The extensions that tell more than Vulkan 1.1 does, or let kernels do more. */
enum { DRIVER, PCI, BUDGET, STORAGE8, FLOAT16, CONTROLS, ADDRESSES, EXTENSION_COUNT };
static const char *const extension_names[EXTENSION_COUNT] = {
    VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME,
    VK_KHR_8BIT_STORAGE_EXTENSION_NAME, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME,
    VK_KHR_SHADER_FLOAT_CONTROLS_EXTENSION_NAME, VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME};

static void find_extensions(nt_vk *vk, VkPhysicalDevice device, VkBool32 has[EXTENSION_COUNT]) {
    memset(has, 0, EXTENSION_COUNT * sizeof *has);
    uint32_t count = 0;
    if (CALL(vk, EnumerateDeviceExtensionProperties, device, NULL, &count, NULL) != VK_SUCCESS || count > 4096) return;
    VkExtensionProperties *found = calloc(count + 1, sizeof *found);
    if (found && CALL(vk, EnumerateDeviceExtensionProperties, device, NULL, &count, found) >= VK_SUCCESS)
        for (uint32_t i = 0; i < count; i++)
            for (int e = 0; e < EXTENSION_COUNT; e++)
                if (!strcmp(found[i].extensionName, extension_names[e])) has[e] = VK_TRUE;
    free(found);
}

static const char ADDRESS_CALL[] = "vkGetBufferDeviceAddressKHR";

/* Puts a structure into a chain. */
#define CHAIN(head, structure) ((structure).pNext = (head).pNext, (head).pNext = &(structure))

static void describe_memory(nt_vk *vk, VkPhysicalDevice device, VkBool32 has_budget, nt_vk_facts *facts) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    if (has_budget) CHAIN(memory, budget);
    RUN(vk, GetPhysicalDeviceMemoryProperties2, device, &memory);
    facts->memory_type_count = memory.memoryProperties.memoryTypeCount;
    for (uint32_t i = 0; i < facts->memory_type_count; i++) {
        facts->memory_flags[i] = memory.memoryProperties.memoryTypes[i].propertyFlags;
        facts->memory_heap[i] = memory.memoryProperties.memoryTypes[i].heapIndex;
    }
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
        facts->heap_size[i] = memory.memoryProperties.memoryHeaps[i].size;
        facts->heap_budget[i] = budget.heapBudget[i];
        facts->heap_usage[i] = budget.heapUsage[i];
    }
}

static void describe_queue(nt_vk *vk, VkPhysicalDevice device, nt_vk_facts *facts) {
    VkQueueFamilyProperties families[64];
    uint32_t count = 64;
    RUN(vk, GetPhysicalDeviceQueueFamilyProperties, device, &count, families);
    facts->queue_family = VK_QUEUE_FAMILY_IGNORED;
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) continue;
        /* One that draws comes first on most devices; one that only computes shares less with the desktop. */
        VkBool32 draws = families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT ? VK_TRUE : VK_FALSE;
        if (facts->queue_family != VK_QUEUE_FAMILY_IGNORED && draws) continue;
        facts->queue_family = i;
        facts->timestamp_bits = families[i].timestampValidBits;
        if (!draws) return;
    }
}

void nt_vk_describe(nt_vk *vk, VkPhysicalDevice device, nt_vk_facts *facts) {
    memset(facts, 0, sizeof *facts);
    VkBool32 has[EXTENSION_COUNT];
    find_extensions(vk, device, has);
    VkPhysicalDeviceSubgroupProperties subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceIDProperties identity = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDevicePCIBusInfoPropertiesEXT pci = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceFloatControlsProperties controls = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    CHAIN(all, subgroup), CHAIN(all, sizes), CHAIN(all, identity);
    if (has[DRIVER]) CHAIN(all, driver);
    if (has[PCI]) CHAIN(all, pci);
    if (has[CONTROLS]) CHAIN(all, controls);
    RUN(vk, GetPhysicalDeviceProperties2, device, &all);
    const VkPhysicalDeviceProperties *properties = &all.properties;
    const VkPhysicalDeviceLimits *limits = &properties->limits;
    snprintf(facts->name, sizeof facts->name, "%s", properties->deviceName);
    snprintf(facts->driver_name, sizeof facts->driver_name, "%s", driver.driverName);
    snprintf(facts->driver_info, sizeof facts->driver_info, "%s", driver.driverInfo);
    facts->type = properties->deviceType;
    facts->api_version = properties->apiVersion;
    facts->driver_version = properties->driverVersion;
    facts->driver_id = driver.driverID;
    facts->vendor_id = properties->vendorID;
    facts->device_id = properties->deviceID;
    memcpy(facts->uuid, identity.deviceUUID, sizeof facts->uuid);
    facts->has_pci = has[PCI];
    uint32_t place[4] = {pci.pciDomain, pci.pciBus, pci.pciDevice, pci.pciFunction};
    memcpy(facts->pci, place, sizeof place);
    facts->timestamp_period = limits->timestampPeriod;
    facts->preserves32 = controls.shaderSignedZeroInfNanPreserveFloat32;
    facts->preserves64 = controls.shaderSignedZeroInfNanPreserveFloat64;
    facts->subgroup_size = subgroup.subgroupSize;
    facts->subgroup_operations =
        subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT ? subgroup.supportedOperations : 0;
    facts->maximum_range = limits->maxStorageBufferRange;
    facts->offset_alignment = (uint32_t)limits->minStorageBufferOffsetAlignment;
    facts->invocations = limits->maxComputeWorkGroupInvocations;
    facts->shared_bytes = limits->maxComputeSharedMemorySize;
    facts->storage_buffers = limits->maxPerStageDescriptorStorageBuffers;
    memcpy(facts->sizes, limits->maxComputeWorkGroupSize, sizeof facts->sizes);
    memcpy(facts->counts, limits->maxComputeWorkGroupCount, sizeof facts->counts);
    facts->maximum_allocation = sizes.maxMemoryAllocationSize;

    VkPhysicalDevice16BitStorageFeatures storage16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDevice8BitStorageFeatures storage8 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
    VkPhysicalDeviceShaderFloat16Int8Features float16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    CHAIN(features, storage16);
    if (has[STORAGE8]) CHAIN(features, storage8);
    VkPhysicalDeviceBufferDeviceAddressFeatures addresses = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES};
    if (has[FLOAT16]) CHAIN(features, float16);
    if (has[ADDRESSES]) CHAIN(features, addresses);
    RUN(vk, GetPhysicalDeviceFeatures2, device, &features);
    facts->int64 = features.features.shaderInt64;
    facts->float64 = features.features.shaderFloat64;
    facts->float16 = float16.shaderFloat16;
    facts->storage8 = storage8.storageBuffer8BitAccess;
    facts->storage16 = storage16.storageBuffer16BitAccess;
    facts->addresses = addresses.bufferDeviceAddress && vk->find(vk->instance, ADDRESS_CALL);
    describe_memory(vk, device, has[BUDGET], facts);
    describe_queue(vk, device, facts);
}

/* MARK: Devices */

VkResult nt_vk_open_device(nt_vk *vk, VkPhysicalDevice physical, const nt_vk_facts *facts, nt_vk_device **device) {
    VkBool32 has[EXTENSION_COUNT];
    find_extensions(vk, physical, has);
    const char *extensions[EXTENSION_COUNT];
    uint32_t count = 0;
    VkPhysicalDevice16BitStorageFeatures storage16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        .storageBuffer16BitAccess = facts->storage16};
    VkPhysicalDevice8BitStorageFeatures storage8 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
                                                    .storageBuffer8BitAccess = facts->storage8};
    VkPhysicalDeviceShaderFloat16Int8Features float16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, .shaderFloat16 = facts->float16};
    VkPhysicalDeviceBufferDeviceAddressFeatures addresses = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES, .bufferDeviceAddress = VK_TRUE};
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .features = {.shaderInt64 = facts->int64, .shaderFloat64 = facts->float64}};
    if (facts->storage16) CHAIN(features, storage16);
    if (facts->storage8) CHAIN(features, storage8), extensions[count++] = extension_names[STORAGE8];
    if (facts->float16) CHAIN(features, float16), extensions[count++] = extension_names[FLOAT16];
    if (facts->addresses) CHAIN(features, addresses), extensions[count++] = extension_names[ADDRESSES];
    if (has[CONTROLS]) extensions[count++] = extension_names[CONTROLS];
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = facts->queue_family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = count,
                               .ppEnabledExtensionNames = extensions};
    nt_vk_device *made = calloc(1, sizeof *made);
    if (!made) abort();
    made->vk = vk;
    made->family = facts->queue_family;
    VkResult status = CALL(vk, CreateDevice, physical, &info, NULL, &made->device);
    if (status != VK_SUCCESS) {
        free(made);
        return status;
    }
    RUN(vk, GetDeviceQueue, made->device, made->family, 0, &made->queue);
    if (facts->addresses) made->address = (PFN_vkGetBufferDeviceAddressKHR)vk->find(vk->instance, ADDRESS_CALL);
    *device = made;
    return VK_SUCCESS;
}

void nt_vk_close_device(nt_vk_device *device) {
    RUN(device->vk, DestroyDevice, device->device, NULL);
    free(device);
}

/* MARK: Memory */

static VkResult make_buffer(nt_vk_device *device, uint64_t size, VkBuffer *buffer, VkMemoryRequirements *needs) {
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = size,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    if (device->address) info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    TRY(CALL(device->vk, CreateBuffer, device->device, &info, NULL, buffer));
    RUN(device->vk, GetBufferMemoryRequirements, device->device, *buffer, needs);
    return VK_SUCCESS;
}

uint32_t nt_vk_buffer_types(nt_vk_device *device) {
    VkBuffer buffer;
    VkMemoryRequirements needs;
    if (make_buffer(device, 256, &buffer, &needs) != VK_SUCCESS) return 0;
    RUN(device->vk, DestroyBuffer, device->device, buffer, NULL);
    return needs.memoryTypeBits;
}

static VkResult allocate(nt_vk_device *device, uint64_t size, uint32_t type, VkBool32 maps, nt_vk_memory *memory) {
    VkMemoryRequirements needs;
    TRY(make_buffer(device, size, &memory->buffer, &needs));
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = device->address ? &flags : NULL,
                                 .allocationSize = needs.size,
                                 .memoryTypeIndex = type};
    TRY(CALL(device->vk, AllocateMemory, device->device, &info, NULL, &memory->memory));
    TRY(CALL(device->vk, BindBufferMemory, device->device, memory->buffer, memory->memory, 0));
    if (device->address) {
        VkBufferDeviceAddressInfo place = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                           .buffer = memory->buffer};
        memory->address = device->address(device->device, &place);
    }
    if (!maps) return VK_SUCCESS;
    return CALL(device->vk, MapMemory, device->device, memory->memory, 0, VK_WHOLE_SIZE, 0, &memory->mapped);
}

VkResult nt_vk_allocate(nt_vk_device *device, uint64_t size, uint32_t type, VkBool32 maps, nt_vk_memory *memory) {
    memset(memory, 0, sizeof *memory);
    VkResult status = allocate(device, size, type, maps, memory);
    if (status != VK_SUCCESS) nt_vk_free(device, *memory);
    return status;
}

void nt_vk_free(nt_vk_device *device, nt_vk_memory memory) {
    if (memory.buffer) RUN(device->vk, DestroyBuffer, device->device, memory.buffer, NULL);
    if (memory.memory) RUN(device->vk, FreeMemory, device->device, memory.memory, NULL);
}

/* MARK: Programs */

enum { MAXIMUM_BUFFERS = 64 };

static VkResult build(nt_vk_device *device, const uint32_t *words, size_t word_count, uint32_t buffers,
                      const void *kept, size_t kept_size, nt_vk_program *program) {
    if (buffers > MAXIMUM_BUFFERS) return VK_ERROR_TOO_MANY_OBJECTS;
    nt_vk *vk = device->vk;
    VkDescriptorSetLayoutBinding bindings[MAXIMUM_BUFFERS];
    for (uint32_t i = 0; i < buffers; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = buffers,
                                           .pBindings = bindings};
    TRY(CALL(vk, CreateDescriptorSetLayout, device->device, &set, NULL, &program->set));
    VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1, .pSetLayouts = &program->set};
    TRY(CALL(vk, CreatePipelineLayout, device->device, &layout, NULL, &program->layout));
    VkPipelineCacheCreateInfo cache = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                       .initialDataSize = kept_size,
                                       .pInitialData = kept};
    TRY(CALL(vk, CreatePipelineCache, device->device, &cache, NULL, &program->cache));
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = 4 * word_count,
                                     .pCode = words};
    VkShaderModule module;
    TRY(CALL(vk, CreateShaderModule, device->device, &code, NULL, &module));
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .module = module,
                                                  .pName = "main"},
                                        .layout = program->layout};
    VkResult status =
        CALL(vk, CreateComputePipelines, device->device, program->cache, 1, &info, NULL, &program->pipeline);
    RUN(vk, DestroyShaderModule, device->device, module, NULL);
    return status;
}

VkResult nt_vk_build(nt_vk_device *device, const uint32_t *words, size_t word_count, uint32_t buffers, const void *kept,
                     size_t kept_size, nt_vk_program *program) {
    memset(program, 0, sizeof *program);
    VkResult status = build(device, words, word_count, buffers, kept, kept_size, program);
    if (status != VK_SUCCESS) nt_vk_release(device, *program);
    return status;
}

VkResult nt_vk_program_data(nt_vk_device *device, nt_vk_program program, size_t *size, void *data) {
    return CALL(device->vk, GetPipelineCacheData, device->device, program.cache, size, data);
}

void nt_vk_release(nt_vk_device *device, nt_vk_program program) {
    nt_vk *vk = device->vk;
    if (program.pipeline) RUN(vk, DestroyPipeline, device->device, program.pipeline, NULL);
    if (program.cache) RUN(vk, DestroyPipelineCache, device->device, program.cache, NULL);
    if (program.layout) RUN(vk, DestroyPipelineLayout, device->device, program.layout, NULL);
    if (program.set) RUN(vk, DestroyDescriptorSetLayout, device->device, program.set, NULL);
}

/* MARK: Recordings */

enum { WORK = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT };
enum { WRITES = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT };
enum { READS = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT };

static void barrier(nt_vk_device *device, VkCommandBuffer commands, VkPipelineStageFlags from, VkPipelineStageFlags to,
                    VkAccessFlags sees) {
    VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = WRITES, .dstAccessMask = sees};
    if (from == VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT) memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
    RUN(device->vk, CmdPipelineBarrier, commands, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}

static VkResult begin_commands(nt_vk_device *device, VkCommandBuffer commands) {
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    TRY(CALL(device->vk, BeginCommandBuffer, commands, &info));
    barrier(device, commands, WORK, WORK, WRITES | READS);
    return VK_SUCCESS;
}

static void write_time(nt_vk_device *device, nt_vk_recording recording, uint32_t number) {
    RUN(device->vk, CmdWriteTimestamp, recording.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, recording.times, number);
}

static VkResult begin_recording(nt_vk_device *device, uint32_t dispatches, uint32_t buffers, uint32_t time_count,
                                nt_vk_recording *recording) {
    nt_vk *vk = device->vk;
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = device->family};
    TRY(CALL(vk, CreateCommandPool, device->device, &pool, NULL, &recording->pool));
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = recording->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    TRY(CALL(vk, AllocateCommandBuffers, device->device, &commands, &recording->commands));
    if (dispatches) {
        VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, buffers};
        VkDescriptorPoolCreateInfo descriptors = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                                  .maxSets = dispatches,
                                                  .poolSizeCount = 1,
                                                  .pPoolSizes = &size};
        TRY(CALL(vk, CreateDescriptorPool, device->device, &descriptors, NULL, &recording->descriptors));
    }
    if (time_count) {
        VkQueryPoolCreateInfo times = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                       .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                       .queryCount = time_count};
        TRY(CALL(vk, CreateQueryPool, device->device, &times, NULL, &recording->times));
    }
    recording->time_count = time_count;
    TRY(begin_commands(device, recording->commands));
    if (time_count) RUN(vk, CmdResetQueryPool, recording->commands, recording->times, 0, time_count);
    if (time_count == 2) write_time(device, *recording, 0);
    return VK_SUCCESS;
}

VkResult nt_vk_begin(nt_vk_device *device, uint32_t dispatches, uint32_t buffers, uint32_t time_count,
                     nt_vk_recording *recording) {
    memset(recording, 0, sizeof *recording);
    VkResult status = begin_recording(device, dispatches, buffers, time_count, recording);
    if (status != VK_SUCCESS) nt_vk_discard(device, *recording);
    return status;
}

VkResult nt_vk_begin_again(nt_vk_device *device, nt_vk_recording recording) {
    TRY(CALL(device->vk, ResetCommandPool, device->device, recording.pool, 0));
    return begin_commands(device, recording.commands);
}

VkResult nt_vk_dispatch(nt_vk_device *device, nt_vk_recording recording, uint32_t number, nt_vk_program program,
                        const VkDescriptorBufferInfo *buffers, uint32_t count, const uint32_t grid[3], VkBool32 waits) {
    nt_vk *vk = device->vk;
    VkDescriptorSetAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = recording.descriptors,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &program.set};
    VkDescriptorSet set;
    TRY(CALL(vk, AllocateDescriptorSets, device->device, &allocation, &set));
    VkWriteDescriptorSet writes[MAXIMUM_BUFFERS];
    for (uint32_t i = 0; i < count; i++)
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           .pBufferInfo = &buffers[i]};
    RUN(vk, UpdateDescriptorSets, device->device, count, writes, 0, NULL);
    if (waits)
        barrier(device, recording.commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    RUN(vk, CmdBindPipeline, recording.commands, VK_PIPELINE_BIND_POINT_COMPUTE, program.pipeline);
    RUN(vk, CmdBindDescriptorSets, recording.commands, VK_PIPELINE_BIND_POINT_COMPUTE, program.layout, 0, 1, &set, 0,
                               NULL);
    if (recording.time_count > 2) write_time(device, recording, 2 * number);
    RUN(vk, CmdDispatch, recording.commands, grid[0], grid[1], grid[2]);
    if (recording.time_count > 2) write_time(device, recording, 2 * number + 1);
    return VK_SUCCESS;
}

void nt_vk_copy(nt_vk_device *device, nt_vk_recording recording, VkBuffer source, uint64_t source_offset,
                VkBuffer destination, uint64_t offset, uint64_t size) {
    VkBufferCopy region = {.srcOffset = source_offset, .dstOffset = offset, .size = size};
    RUN(device->vk, CmdCopyBuffer, recording.commands, source, destination, 1, &region);
}

VkResult nt_vk_end(nt_vk_device *device, nt_vk_recording recording) {
    if (recording.time_count == 2) write_time(device, recording, 1);
    barrier(device, recording.commands, WORK, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    return CALL(device->vk, EndCommandBuffer, recording.commands);
}

VkResult nt_vk_times(nt_vk_device *device, nt_vk_recording recording, uint64_t *times) {
    return CALL(device->vk, GetQueryPoolResults, device->device, recording.times, 0, recording.time_count,
                                    8 * (size_t)recording.time_count, times, 8,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
}

static VkResult record_time(nt_vk_device *device, nt_vk_recording *recording) {
    nt_vk *vk = device->vk;
    VkQueryPoolCreateInfo times = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                   .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                   .queryCount = 1};
    TRY(CALL(vk, CreateQueryPool, device->device, &times, NULL, &recording->times));
    RUN(vk, CmdResetQueryPool, recording->commands, recording->times, 0, 1);
    RUN(vk, CmdWriteTimestamp, recording->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, recording->times, 0);
    return nt_vk_end(device, *recording);
}

VkResult nt_vk_record_time(nt_vk_device *device, nt_vk_recording *recording) {
    TRY(nt_vk_begin(device, 0, 0, VK_FALSE, recording));
    VkResult status = record_time(device, recording);
    if (status != VK_SUCCESS) nt_vk_discard(device, *recording);
    return status;
}

VkResult nt_vk_time(nt_vk_device *device, nt_vk_recording recording, uint64_t *time) {
    return CALL(device->vk, GetQueryPoolResults, device->device, recording.times, 0, 1, 8, time, 8,
                VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
}

void nt_vk_discard(nt_vk_device *device, nt_vk_recording recording) {
    nt_vk *vk = device->vk;
    if (recording.times) RUN(vk, DestroyQueryPool, device->device, recording.times, NULL);
    if (recording.pool) RUN(vk, DestroyCommandPool, device->device, recording.pool, NULL);
    if (recording.descriptors) RUN(vk, DestroyDescriptorPool, device->device, recording.descriptors, NULL);
}

/* MARK: Submissions */

VkResult nt_vk_make_fence(nt_vk_device *device, VkFence *fence) {
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    return CALL(device->vk, CreateFence, device->device, &info, NULL, fence);
}

VkResult nt_vk_reset_fence(nt_vk_device *device, VkFence fence) {
    return CALL(device->vk, ResetFences, device->device, 1, &fence);
}

void nt_vk_drop_fence(nt_vk_device *device, VkFence fence) {
    RUN(device->vk, DestroyFence, device->device, fence, NULL);
}

VkResult nt_vk_submit(nt_vk_device *device, nt_vk_recording recording, VkFence fence) {
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &recording.commands};
    return CALL(device->vk, QueueSubmit, device->queue, 1, &info, fence);
}

VkResult nt_vk_is_done(nt_vk_device *device, VkFence fence) {
    return CALL(device->vk, GetFenceStatus, device->device, fence);
}

VkResult nt_vk_wait(nt_vk_device *device, VkFence fence) {
    return CALL(device->vk, WaitForFences, device->device, 1, &fence, VK_TRUE, UINT64_MAX);
}
