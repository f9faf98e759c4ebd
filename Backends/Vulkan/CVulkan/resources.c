/* What an opened device makes before it works: memory and programs. */
#include "private.h"

#include <string.h>

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
