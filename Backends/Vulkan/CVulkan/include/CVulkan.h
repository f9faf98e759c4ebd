/* Vulkan through a loader that is opened at run time. Nothing is linked: a program without a Vulkan library starts. */
#ifndef NEEDLETAIL_CVULKAN_H
#define NEEDLETAIL_CVULKAN_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#endif
