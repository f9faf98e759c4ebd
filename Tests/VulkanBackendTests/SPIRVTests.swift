import Testing
import VulkanBackend
