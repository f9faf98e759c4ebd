import Foundation
import Needletail
import TestSupport
import Testing

/// Numbers that depended on the device, on a size or on what was fused, on the CPU and the first OpenCL device.
@Suite struct NumberTests {
    private static let devices: [DeviceID] = OpenCLTesting.areWanted ? [.cpu, DeviceID(backend: "opencl")] : [.cpu]

    @Test(arguments: devices) func longRowsOfLossesAndCountsAreWhole(_ device: DeviceID) throws {
        try withDevice(device) {
            for rows in [32_767, 32_768, 40_000] {
                let x = try Tensor.zeros([rows, 10]).stored()
                let y = try Tensor.zeros([rows], dtype: .int64).stored()
                let loss = try crossEntropy(x, y).item()
                #expect(abs(loss - 2.302585) < 1e-5, "\(rows) rows: \(loss)")
                let right = try (x.argmax(1) .== y).sum().item()
                #expect(right == Double(rows))
                let largest = try (x + 1).max(axes: 1).sum().item()
                #expect(largest == Double(rows))
            }
        }
    }

    @Test(arguments: devices) func aGradientOfLongRowsOfConstants(_ device: DeviceID) throws {
        try withDevice(device) {
            for columns in [32_768, 32_769, 140_000] {
                let x = try Tensor.ones([2, columns]).stored().requiringGrad()
                let centred = (x - x.mean(axes: [1], keepDims: true)).sum()
                let gradient = try #require(gradients(of: centred, withRespectTo: [x])[0])
                #expect(try gradient.scalars(as: Float.self).allSatisfy { abs($0) < 1e-6 }, "\(columns) columns")
            }
        }
    }

    @Test(arguments: devices) func aSumOfATenthAMillionTimes(_ device: DeviceID) throws {
        try withDevice(device) {
            let sum = try Tensor.full([1_000_000], 0.1).stored().sum().item()
            #expect(abs(sum - 100_000) < 0.2, "\(sum)")
        }
    }

    @Test(arguments: devices) func integersWrapOnTheirWayToAWiderSum(_ device: DeviceID) throws {
        try withDevice(device) {
            let sum = try (Tensor([Int32.max]).stored() + 1).sum().item()
            #expect(sum == Double(Int32.min))
        }
    }

    @Test(arguments: devices) func anglesOfAnySize(_ device: DeviceID) throws {
        try withDevice(device) {
            let angles: [Float] = [1e7, 1e9, -1e9, 3e38, 0.5]
            let x = Tensor(angles)
            for (found, angle) in zip(try x.sin().scalars(as: Float.self), angles) {
                #expect(abs(Double(found) - sin(Double(angle))) < 1e-6, "sin(\(angle)) is \(found)")
            }
            for (found, angle) in zip(try x.cos().scalars(as: Float.self), angles) {
                #expect(abs(Double(found) - cos(Double(angle))) < 1e-6, "cos(\(angle)) is \(found)")
            }
        }
    }

    @Test(arguments: devices) func oddFunctionsKeepTheSignOfZero(_ device: DeviceID) throws {
        try withDevice(device) {
            let x = Tensor([-0.0, 0.0] as [Float])
            let results = [
                x.sin(), x.tan(), x.tanh(), x.expm1(), x.log1p(), x.erf(), x.elu(), x.trunc(), x.round(), x.ceil(),
            ]
            for (number, result) in results.enumerated() {
                let signs = try result.scalars(as: Float.self).map(\.sign)
                #expect(signs == [.minus, .plus], "result \(number)")
            }
            let ceiling = try Tensor([-0.3] as [Float]).ceil().item()
            #expect(ceiling.sign == .minus)
        }
    }

    /// The count is beyond float16's range, and one over it is subnormal.
    @Test(arguments: devices) func scalarsOfHalvesAreNotRounded(_ device: DeviceID) throws {
        try withDevice(device) {
            let x = try Tensor.full([4], 30_000, dtype: .float16).stored()
            #expect(try (x / 100_000).scalars(as: Float.self).allSatisfy { abs($0 - 0.3) < 1e-3 })
            #expect(try (x * 1.2345e-5).scalars(as: Float.self).allSatisfy { abs($0 - 0.37035) < 4e-4 })
        }
    }
}

extension Tensor {
    /// The same values, in memory: nothing that reads them makes them again.
    fileprivate func stored() throws -> Tensor {
        try evaluate()
        return self
    }
}
