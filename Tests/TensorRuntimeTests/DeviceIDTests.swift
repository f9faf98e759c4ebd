import TensorRuntime
import Testing

@Suite struct DeviceIDTests {
    @Test(arguments: [
        ("cpu", DeviceID(backend: "cpu")), ("cpu:0", DeviceID(backend: "cpu")),
        ("opencl", DeviceID(backend: "opencl")), ("opencl:1", DeviceID(backend: "opencl", index: 1)),
        ("vulkan:12", DeviceID(backend: "vulkan", index: 12)), ("my-npu:3", DeviceID(backend: "my-npu", index: 3)),
    ])
    func aNameWithOrWithoutAnIndexParses(_ text: String, _ id: DeviceID) {
        #expect(DeviceID(text) == id)
    }

    @Test(arguments: ["", ":", ":0", "cpu:", "cpu:x", "cpu:-1", "cpu:0:1", "open cl", "vulkan: 1", "a/b"])
    func anythingElseDoesNot(_ text: String) {
        #expect(DeviceID(text) == nil)
    }

    @Test func whatAnIDPrintsParsesToItself() {
        for id in [DeviceID.cpu, DeviceID(backend: "cpu", index: 1), DeviceID(backend: "vulkan")] {
            #expect(DeviceID(id.description) == id)
        }
        #expect(DeviceID.cpu.description == "cpu")
        #expect(DeviceID(backend: "vulkan").description == "vulkan:0")
    }

    @Test func onlyGPUsAndAcceleratorsCountAsAccelerators() {
        #expect(DeviceDescription.Kind.discreteGPU.isAccelerator)
        #expect(DeviceDescription.Kind.integratedGPU.isAccelerator)
        #expect(DeviceDescription.Kind.accelerator.isAccelerator)
        #expect(!DeviceDescription.Kind.cpu.isAccelerator)
        #expect(!DeviceDescription.Kind.software.isAccelerator)
    }
}
