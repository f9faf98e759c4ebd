/* The loader and an instance of it: its entry points found, counted, and made to fail. */
#include "private.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NT_VK_NAME(name) "vk" #name,
static const char *const names[NT_VK_CALL_COUNT] = {NT_VK_STATUS_CALLS(NT_VK_NAME) NT_VK_VOID_CALLS(NT_VK_NAME)};

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
