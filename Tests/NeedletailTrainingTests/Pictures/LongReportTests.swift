import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Pages of much data, which stay small.
@Suite struct LongReportTests {
    /// Pictures of one brightness, all but one dark. None is of class 0.
    private struct Pictures: Dataset {
        let count = 600
        static let bright = 577

        func example(at index: Int) -> Example {
            let value: Float = index == Pictures.bright ? 0.9 : 0
            return Example(
                HostArray([Float](repeating: value, count: 3 * 32 * 32), shape: [3, 32, 32]),
                HostArray(Int64(1 + index % 2)))
        }
    }

    private func pictures(in page: String) -> Int { page.components(separatedBy: "<image ").count - 1 }

    @Test func aPageOfManyPicturesHoldsTheWorstInMemoryAlone() throws {
        try withOwnContext { context in
            let layer = Linear(3 * 32 * 32, 3)
            // What is bright is said to be of class 0 with certainty.
            let ones: [Float] = [Float](repeating: 0.01, count: 3072) + [Float](repeating: 0, count: 2 * 3072)
            layer.weight.assign(Tensor(ones, shape: [3, 3072]))
            try #require(layer.bias).assign(Tensor([Float(1), 0, 0]))
            let model = Sequential([Flatten(), layer])
            let trainer = Trainer(
                model: model, optimizer: SGD(model.parameters, learningRate: 0.1), loss: { crossEntropy($0, $1) })
            let loader = DataLoader(Pictures(), batchSize: 4)
            let page = try RunReport("unused.html", test: loader).report(of: trainer).html()
            // The matrix above them is one too.
            #expect(pictures(in: page.components(separatedBy: "Worst mistakes").last ?? "") == 12)
            #expect(page.contains("600 examples, 0 of them right."))
            #expect(page.contains("The mistakes with the largest loss; 588 other mistakes are left out."))
            // e^28.6 against 2, and e against 2.
            let captions = page.matches(of: #/>(0 \(\d+ %\), not \d)</#).map { String($0.1) }
            #expect(captions.first == "0 (100 %), not 2" && captions.dropFirst().allSatisfy { $0.contains("(58 %)") })
            // All pictures are 7 MiB.
            #expect(context.statistics.peakAllocatedBytes < 1 << 20, "\(context.statistics.peakAllocatedBytes)")
        }
    }

    @Test func whatAGridAndAPageHaveNoRoomForIsCounted() {
        let grid = Chart.images([[[Double]]](repeating: [[0.5]], count: 1200))
        let figure = Figure([[grid]])
        let svg = figure.svg()
        #expect(pictures(in: svg) == 1000 && svg.contains("the first 1000 of 1200; 200 are left out"))
        #expect(PictureChecks.clashes(figure.scene).isEmpty)
        #expect(!Figure([[Chart.images([[[Double]]](repeating: [[0.5]], count: 1000))]]).svg().contains("left out"))
        var report = Report("Long")
        for _ in 0..<5 { report.figure(figure) }
        #expect(!report.html().contains("Left out"))
        report.figure(figure)
        report.figure(Chart("Loss").line([3.0, 2, 1]))
        let page = report.html()
        #expect(pictures(in: page) == 5000 && page.contains(">Loss<"))
        #expect(page.contains("Left out: 1 figure with 1000 images. The page has 6 figures with 5000 images"))
        for _ in 0..<995 { report.figure(Chart()) }
        #expect(report.html().contains("Left out: 2 figures with 1000 images. The page has 1000 figures"))
    }
}
