/* Commands: recorded, submitted, and waited for. */
#include "private.h"

#include <string.h>

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
