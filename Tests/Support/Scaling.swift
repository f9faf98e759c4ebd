import KernelIR
import OpenCLBackend
import Shaders
import TensorRuntime
import VulkanBackend

/// `output[i] = input[i] * factor + salt`, where the salt is in the program; as often as there are `passes`.
package struct Scaling {
    package let count: Int
    package var salt = 0
    package var passes = 1
    package var name = "scale"

    package init(count: Int, salt: Int = 0, passes: Int = 1, name: String = "scale") {
        self.count = count
        self.salt = salt
        self.passes = passes
        self.name = name
    }

    package var spec: KernelSpec {
        let program = FusedProgram(
            inputs: [.float32],
            steps: [
                .init(.load(input: 0), dtype: .float32),
                .init(.pointwise(.multiply), [.value(0), .scalar(0)], dtype: .float32),
            ],
            outputs: [.init(value: 1)], scalarCount: 1)
        let access = FusedKernel.Access(strides: Shape([count]).contiguousStrides)
        return KernelSpec(
            FusedKernel(program: program, extents: [count], outerRank: 1, inputs: [access], outputs: [access]))
    }

    package var plan: ShaderPlan {
        let (salt, passes, name) = (salt, passes, name)
        return ShaderPlan([
            ShaderLaunch(
                key: ShaderKey(code: spec.code, schedule: name, variant: [salt, passes]), workgroups: [count, 1, 1],
                buffers: ["x": .operand(0), "y": .operand(1)],
                arguments: ["count": .integer(count), "factor": .scalar(slot: 0)]
            ) {
                KernelBuilder.build(name) { k in
                    let x = k.buffer("x", .float32, .read)
                    let y = k.buffer("y", .float32, .write)
                    let count = k.argument("count", .int32)
                    let factor = k.argument("factor", .float32)
                    let i = k.globalID(0)
                    k.if(i < count) {
                        let value = k.variable(x[i])
                        k.loop(from: 0, to: k.int(passes)) { _ in value.value = value.value * factor + Double(salt) }
                        y[i] = value.value
                    }
                }
            }
        ])
    }

    package func kernel(on device: some PlannedDevice) throws -> any DeviceKernel {
        try device.makeKernel(spec, plan)
    }
}

/// A device that makes kernels of launches that somebody else planned.
package protocol PlannedDevice: Device {
    func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel
}

extension OpenCLDevice: PlannedDevice {}
extension VulkanDevice: PlannedDevice {}
