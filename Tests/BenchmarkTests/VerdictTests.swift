import Foundation
import NeedletailBench
import Testing

/// What the page says first: which device to take, and of what program that is said.
@Suite struct VerdictTests {
    /// What one device alone did, and what they have no row in common of, is no work that the other is to be taken for.
    @Test func theVerdictLeavesNoWorkOut() {
        func verdict(_ more: [BenchmarkRow]) -> String {
            let html = BenchmarkPage(PageTests.rows("cpu", 1) + PageTests.rows("vulkan:0", 4) + more).report().html()
            return String(html.firstMatch(of: #/<p>(Take [^<]*)</#)?.1 ?? "none")
        }
        func convolution(_ name: String, _ device: String) -> BenchmarkRow {
            PageTests.row(name, "convolution", device: device, time: 1)
        }
        let alone = convolution("conv2d", "vulkan:0")
        #expect(verdict([alone]) == "Take cpu; but vulkan:0 for convolutions and pooling (no other did it).")
        #expect(verdict([convolution("conv2d", "cpu")]) == "Take cpu for all of this work.")
        #expect(
            verdict([alone, convolution("conv1d", "cpu")])
                == "Take cpu; but of convolutions and pooling they have no row in common.")
        let third = PageTests.row("mlp batch 64", "mlp", suite: "train", device: "opencl:0", time: 1)
        #expect(
            verdict([alone, third])
                == "Take cpu; but opencl:0 for training small nets (mlp, mlp-small); "
                + "vulkan:0 for convolutions and pooling (no other did it).")
    }

    /// What the table calls as fast is no reason to take another device.
    @Test(arguments: [(1.001, true), (1.049, true), (1.06, false)])
    func aDeviceThatIsAsFastIsNotLeft(_ ratio: Double, _ isKept: Bool) {
        let other = PageTests.rows("vulkan:0", 4).map {
            var row = $0
            if row.family == "matmul" { row.samples = [10 / ratio] }
            return row
        }
        let html = BenchmarkPage(PageTests.rows("cpu", 1) + other).report().html()
        #expect(
            html.contains(isKept ? "Take cpu for all of this work." : "Take cpu; but vulkan:0 for matrix products."))
        #expect(html.contains("<td>vulkan:0</td><td>cpu \(isKept ? "is as fast" : "takes 1.1 times as long")</td>"))
        // Whatever the order of their names: one that is never slower is taken for all.
        let turned = BenchmarkPage(PageTests.rows("opencl:0", 1) + other + PageTests.rows("cpu", 8)).report().html()
        #expect(turned.contains(isKept ? "Take opencl:0 for all" : "Take opencl:0; but vulkan:0 for matrix products."))
    }

    /// A peer has no commit of needletail.
    @Test func theCommitIsThatOfNeedletail() {
        let own = PageTests.rows("cpu", 1).map {
            var row = $0
            row.commit = "aaaa"
            return row
        }
        let html = BenchmarkPage(own + PageTests.peer).report().html()
        #expect(html.contains("All of needletail at commit aaaa.") && !html.contains("All at commit"))
    }
}
