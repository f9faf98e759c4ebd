import Needletail
import TensorRuntime
import Testing

/// What a device cannot do, written in other operations too, is an error that names device, operation and type. Nothing is
/// computed elsewhere.
@Suite struct UnsupportedTests {
    /// A program for a device that lacks something.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let families: Set<KernelFamily>
        let dtypes: Set<DType>
        /// In the error: the operation and what is lacking.
        let names: [String]
        let program: @Sendable () -> Tensor

        init(
            _ name: String, families: Set<KernelFamily> = [], dtypes: Set<DType> = [], naming names: String...,
            program: @escaping @Sendable () -> Tensor
        ) {
            testDescription = name
            self.families = families
            self.dtypes = dtypes
            self.names = names
            self.program = program
        }
    }

    private static func double(_ shape: Shape) -> Tensor {
        Tensor([Double](repeating: 1, count: shape.elementCount)).reshape(shape)
    }

    private static func float(_ shape: Shape) -> Tensor {
        Tensor([Float](repeating: 1, count: shape.elementCount)).reshape(shape)
    }

    static let cases = [
        Case("pointwise", dtypes: [.float64], naming: "exp", "float64") { double([4]).exp() },
        Case("reduction", dtypes: [.float64], naming: "sum", "float64") { double([4]).sum() },
        Case("cast", dtypes: [.float16], naming: "float32", "float16") { float([4]).to(.float16) },
        Case("cast there and back", dtypes: [.float64], naming: "float32", "float64") {
            float([4]).to(.float64).to(.float32)
        },
        Case("product", dtypes: [.float64], naming: "matmul", "float64") { double([4, 4]).matmul(double([4, 4])) },
        Case("concatenation", dtypes: [.int32], naming: "concatenate", "int32") {
            Tensor.concatenate([Tensor([1, 2] as [Int32]), Tensor([3] as [Int32])], axis: 0)
        },
        Case("random numbers", dtypes: [.int64], naming: "int64") { Tensor.uniform([4]) },
        Case("gather by int64", dtypes: [.int64], naming: "int64") {
            float([4]).gather(axis: 0, index: Tensor([1, 2] as [Int64]))
        },
        Case("sort", families: [.sort], naming: "sort", "float32") { float([4]).sort().values },
        Case("scan", families: [.scan], naming: "cumsum", "float32") { float([4]).cumsum(axis: 0) },
        Case("scan of a type that is lacking", dtypes: [.float64], naming: "cummax", "float64") {
            double([4]).cummax(axis: 0).values
        },
        Case("product without the family", families: [.matmul], naming: "matmul", "float32") {
            float([4, 4]).matmul(float([4, 4]))
        },
        Case("convolution of a type that is lacking", dtypes: [.float64], naming: "convolution", "float64") {
            Tensor.conv2d(double([1, 1, 4, 4]), weight: double([1, 1, 3, 3]))
        },
        Case(
            "convolution in products, of a type that is lacking", families: [.convolution], dtypes: [.float64],
            naming: "float64", "runs convolution or pooling in other operations"
        ) { Tensor.conv2d(double([1, 1, 4, 4]), weight: double([1, 1, 3, 3])) },
        Case(
            "convolution in products that are lacking", families: [.convolution, .matmul], naming: "matmul", "float32",
            "runs convolution or pooling in other operations"
        ) { Tensor.conv2d(float([1, 1, 4, 4]), weight: float([1, 1, 3, 3])) },
        Case(
            "pooling of a type that is lacking", families: [.pooling], dtypes: [.float64], naming: "float64",
            "runs convolution or pooling in other operations"
        ) { Tensor.maxPool2d(double([1, 1, 4, 4]), kernel: [2, 2]) },
        Case(
            "gradient of a pooling that cannot be scattered", families: [.pooling, .scatterAdd], naming: "scatterAdd",
            "float32"
        ) {
            let x = float([1, 1, 4, 4]).requiringGrad()
            return gradients(of: Tensor.maxPool2d(x, kernel: [2, 2]).sum(), withRespectTo: [x])[0]!
        },
    ]

    @Test(arguments: cases) func theErrorNamesDeviceOperationAndType(_ row: Case) throws {
        for isEager in [false, true] {
            let context = try LackingDevice.makeContext(families: row.families, dtypes: row.dtypes) {
                $0.eager = isEager
            }
            try withDeviceContext(context) { () throws(any Error) in
                let error = #expect(throws: TensorError.self) { try checked { try row.program().evaluate() } }
                #expect(error?.kind == .unsupported, "\(error?.message ?? "none")")
                for name in row.names + ["cpu"] {
                    #expect(error?.message.contains(name) == true, "no \(name) in: \(error?.message ?? "none")")
                }
                #expect(error?.message.hasSuffix("; move the tensors to a device that has it") == true)
            }
        }
    }

    /// What needs nothing that is lacking goes on.
    @Test func theRestRuns() throws {
        let context = try LackingDevice.makeContext(
            families: [.convolution, .pooling, .scan, .sort], dtypes: [.float64, .float16])
        try withDeviceContext(context) { () throws(any Error) in
            let y = Tensor.conv2d(Self.float([1, 1, 4, 4]), weight: Self.float([1, 1, 3, 3]))
            #expect(try y.scalars(as: Float.self) == [9, 9, 9, 9])
        }
    }
}
