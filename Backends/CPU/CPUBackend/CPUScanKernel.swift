import CPUKernels
import TensorRuntime

/// Running sums and their like (`scan.c`).
final class CPUScanKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    let memory: CPUMemory
    private let plan: nt_scan
    /// The operands of the results that are written.
    private let values: Int?
    private let places: Int?

    init(_ body: ScanKernel, device: CPUDevice) throws(TensorError) {
        let operation = CPUScanKernel.operation(body.operation)
        let element = CPUScanKernel.element(of: body.dtype)
        guard nt_scan_has_routine(Int32(operation.rawValue), Int32(element.rawValue)) != 0 else {
            throw TensorError(
                .unsupported, "cpu: \(body.operation.name) of \(body.dtype) is not supported; cast to float32")
        }
        spec = KernelSpec(body)
        operandTypes = body.operands.map(\.dtype)
        values = body.results.firstIndex(of: .values).map { $0 + 1 }
        places = body.results.firstIndex(of: .indices).map { $0 + 1 }
        var strides = Strides()
        for axis in body.shape.indices where axis != body.axis { strides.append(body.strides[axis]) }
        let lines = Layout.collapsed(
            extents: body.shape.removing(axis: body.axis), strides: [strides], boundary: body.axis)
        var plan = nt_scan()
        plan.operation = Int32(operation.rawValue)
        plan.element = Int32(element.rawValue)
        plan.reverse = body.reverse
        plan.rank = Int32(lines.extents.rank)
        store(lines.extents, in: &plan.lines)
        store(lines.strides[0], in: &plan.line_strides)
        plan.length = Int64(body.length)
        plan.stride = Int64(body.strides[body.axis])
        plan.inner = Int64(body.inner)
        memory = CPUMemory(nt_scan_memory(&plan), threads: device.threads)
        self.plan = plan
    }

    func run(_ launch: CPULaunch) {
        var workers = memory.workers(launch)
        withUnsafePointer(to: plan) { plan in
            nt_scan_run(
                plan, &workers, launch.operands[0], values.flatMap { launch.operands[$0] },
                places.flatMap { launch.operands[$0] }?.assumingMemoryBound(to: Int64.self))
        }
    }

    private static func operation(_ operation: ScanKernel.Operation) -> nt_scan_operation {
        switch operation {
        case .sum: nt_scan_sum
        case .product: nt_scan_product
        case .maximum: nt_scan_maximum
        case .minimum: nt_scan_minimum
        case .logSumExp: nt_scan_log_sum_exp
        }
    }

    private static func element(of dtype: DType) -> nt_scan_element {
        switch dtype {
        case .float16: nt_scan_f16
        case .bfloat16: nt_scan_bf16
        case .float32: nt_scan_f32
        case .float64: nt_scan_f64
        case .int32: nt_scan_i32
        case .int64: nt_scan_i64
        case .uint8: nt_scan_u8
        case .bool: nt_scan_bool
        }
    }
}
