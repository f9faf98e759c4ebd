/* Physical devices: what they say of themselves, and how one is opened. */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

VkResult nt_vk_list(nt_vk *vk, uint32_t *count, VkPhysicalDevice *devices) {
    VkResult status = CALL(vk, EnumeratePhysicalDevices, vk->instance, count, devices);
    return status == VK_INCOMPLETE ? VK_SUCCESS : status;
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
    VkPhysicalDeviceProperties first;
    RUN(vk, GetPhysicalDeviceProperties, device, &first);
    snprintf(facts->name, sizeof facts->name, "%s", first.deviceName);
    facts->api_version = first.apiVersion;
    if (first.apiVersion < VK_API_VERSION_1_1) return;
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
    snprintf(facts->driver_name, sizeof facts->driver_name, "%s", driver.driverName);
    snprintf(facts->driver_info, sizeof facts->driver_info, "%s", driver.driverInfo);
    facts->type = properties->deviceType;
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

/* MARK: Opening */

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
