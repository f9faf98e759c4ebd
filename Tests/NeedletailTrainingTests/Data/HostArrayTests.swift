import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite("Arrays of the host")
struct HostArrayTests {
    @Test("elements, shape and dtype go to a device and back")
    func goesToADevice() throws {
        let array = HostArray([Int32(1), -2, 3, 4, 5, 6], shape: [2, 3])
        let tensor = Tensor(array)
        #expect(tensor.shape == [2, 3] && tensor.dtype == .int32)
        #expect(try HostArray(tensor) == array)
        #expect(HostArray(Float(2)).shape == [] && HostArray(true).bytes == [1])
        #expect(HostArray([Float](), shape: [0, 3]).elementCount == 0)
    }

    @Test("casts are those of tensors", arguments: DType.allCases)
    func castsAsTensorsDo(dtype: DType) throws {
        let array = HostArray([0, 1.5, -2.25, 300, .infinity, .nan])
        let expected = try Tensor(array).to(dtype).bytes()
        #expect(array.to(dtype).bytes == expected)
        #expect(array.to(dtype).dtype == dtype)
        #expect(array.to(dtype).scalars(as: Double.self).count == 6)
    }

    @Test("a shape of another number of elements is refused")
    func refusesShapes() {
        expectDataError(.invalidArgument, "HostArray: 8 bytes are no float32[3]") {
            _ = HostArray([Float(1), 2], shape: [3])
        }
        expectDataError(.invalidArgument, "3 bytes are no int64[1]") {
            _ = HostArray(bytes: [1, 2, 3], shape: [1], dtype: .int64)
        }
        expectDataError(.invalidArgument, "no float32[-2]") { _ = HostArray([Float(1)]).reshaped([-2]) }
    }
}
