import Needletail
import Testing

/// The losses of `make_golden_training.py` against PyTorch, with their gradients, on every device.
@Suite struct GoldenLossTests {
    static let file = GoldenFile("more_losses")

    static let regression: [GoldenCase] =
        Reduction.allCases.flatMap { reduction in
            [
                GoldenCase("smooth_l1_\(reduction)") { SmoothL1Loss(reduction: reduction)($0[0], $0[1]) },
                GoldenCase("huber_\(reduction)") { HuberLoss(reduction: reduction, delta: 0.7)($0[0], $0[1]) },
                GoldenCase("bce_\(reduction)") {
                    BCELoss(reduction: reduction)($0[0], $0[1].detach())
                },
            ]
        } + [
            GoldenCase("smooth_l1_beta") { smoothL1Loss($0[0], $0[1], beta: 0.3) },
            GoldenCase("smooth_l1_zero") { SmoothL1Loss(beta: 0)($0[0], $0[1]) },
            GoldenCase("huber_weighted") { huberLoss($0[0], $0[1], weight: $0[2]) },
            GoldenCase("poisson") { PoissonNLLLoss()($0[0], $0[1]) },
            GoldenCase("poisson_full") { poissonNLLLoss($0[0], $0[1], full: true, reduction: .none) },
            GoldenCase("poisson_rate") { PoissonNLLLoss(logInput: false, reduction: .sum)($0[0], $0[1]) },
            GoldenCase("poisson_rate_full") { poissonNLLLoss($0[0], $0[1], logInput: false, full: true) },
            GoldenCase("poisson_target") { PoissonNLLLoss(full: true)($0[0], $0[1]) },
            GoldenCase("gaussian") { GaussianNLLLoss()($0[0], $0[1], variance: $0[2]) },
            GoldenCase("gaussian_clamped") {
                GaussianNLLLoss(epsilon: 0.05, reduction: .none)($0[0], $0[1], variance: $0[2])
            },
            GoldenCase("gaussian_full") {
                gaussianNLLLoss($0[0], $0[1], variance: $0[2], full: true, reduction: .sum)
            },
            GoldenCase("gaussian_column") { gaussianNLLLoss($0[0], $0[1], variance: $0[2]) },
        ]

    static let probabilities: [GoldenCase] = [
        GoldenCase("bce_target") { binaryCrossEntropy($0[0], $0[1]) },
        GoldenCase("bce_weighted") { BCELoss(weight: $0[2])($0[0], $0[1]) },
        GoldenCase("bce_logits_weighted") { BCEWithLogitsLoss(weight: $0[2])($0[0], $0[1]) },
        GoldenCase("bce_logits_positive") { BCEWithLogitsLoss(posWeight: $0[2])($0[0] * 20, $0[1]) },
        GoldenCase("bce_logits_both") {
            binaryCrossEntropyWithLogits($0[0], $0[1], weight: $0[2], posWeight: $0[3], reduction: .none)
        },
        GoldenCase("kl_none") { klDivLoss($0[0], $0[1], reduction: .none) },
        GoldenCase("kl_mean") { KLDivLoss()($0[0], $0[1]) },
        GoldenCase("kl_sum") { KLDivLoss(reduction: .sum)($0[0], $0[1]) },
        GoldenCase("kl_batchmean") { KLDivLoss(reduction: .batchMean)($0[0], $0[1]) },
        GoldenCase("kl_log") { klDivLoss($0[0], $0[1], reduction: .batchMean, logTarget: true) },
        GoldenCase("kl_zeros") { klDivLoss($0[0], $0[1].detach(), reduction: .sum) },
        GoldenCase("soft_margin") { SoftMarginLoss()($0[0], $0[1].detach()) },
        GoldenCase("multi_label_soft") { MultiLabelSoftMarginLoss()($0[0], $0[1]) },
        GoldenCase("multi_label_soft_weighted") {
            MultiLabelSoftMarginLoss(weight: $0[2], reduction: .none)($0[0], $0[1])
        },
    ]

    static let margins: [GoldenCase] = [
        GoldenCase("hinge") { HingeEmbeddingLoss()($0[0], $0[1]) },
        GoldenCase("hinge_margin") { hingeEmbeddingLoss($0[0], $0[1], margin: 2.5, reduction: .none) },
        GoldenCase("ranking") { MarginRankingLoss()($0[0], $0[1], $0[2]) },
        GoldenCase("ranking_margin") { marginRankingLoss($0[0], $0[1], $0[2], margin: 0.5, reduction: .none) },
        GoldenCase("ranking_ties") { marginRankingLoss($0[0], $0[1], $0[2]) },
        GoldenCase("multi_margin") { MultiMarginLoss()($0[0], $0[1]) },
        GoldenCase("multi_margin_none") { multiMarginLoss($0[0], $0[1], p: 2, margin: 0.7, reduction: .none) },
        GoldenCase("multi_margin_weighted") { MultiMarginLoss(weight: $0[2])($0[0], $0[1]) },
        GoldenCase("multi_margin_vector") { MultiMarginLoss(reduction: .sum)($0[0], $0[1]) },
        GoldenCase("multi_label_margin") { MultiLabelMarginLoss()($0[0], $0[1]) },
        GoldenCase("multi_label_margin_none") { multiLabelMarginLoss($0[0], $0[1], reduction: .none) },
        GoldenCase("multi_label_margin_vector") { multiLabelMarginLoss($0[0], $0[1]) },
        GoldenCase("triplet") { TripletMarginLoss()($0[0], $0[1], $0[2]) },
        GoldenCase("triplet_swap") {
            TripletMarginLoss(margin: 2, swap: true, reduction: .none)($0[0], $0[1], $0[2])
        },
        GoldenCase("triplet_p1") { tripletMarginLoss($0[0], $0[1], $0[2], p: 1, reduction: .sum) },
        GoldenCase("triplet_p3") { tripletMarginLoss($0[0], $0[1], $0[2], p: 3) },
        GoldenCase("triplet_infinity") { tripletMarginLoss($0[0], $0[1], $0[2], p: .infinity) },
        GoldenCase("triplet_distance") {
            TripletMarginWithDistanceLoss(distance: { 1 - cosine($0, $1) })($0[0], $0[1], $0[2])
        },
        GoldenCase("triplet_distance_default") { TripletMarginWithDistanceLoss(swap: true)($0[0], $0[1], $0[2]) },
        GoldenCase("cosine") { CosineEmbeddingLoss()($0[0], $0[1], $0[2]) },
        GoldenCase("cosine_none") { cosineEmbeddingLoss($0[0], $0[1], $0[2], reduction: .none) },
        GoldenCase("cosine_margin") { cosineEmbeddingLoss($0[0], $0[1], $0[2], margin: 0.3) },
        GoldenCase("cosine_vector") { cosineEmbeddingLoss($0[0], $0[1], $0[2]) },
    ]

    /// The similarity of rows.
    private static func cosine(_ a: Tensor, _ b: Tensor) -> Tensor {
        let lengths = a.square().sum(axes: [1]).sqrt() * b.square().sum(axes: [1]).sqrt()
        return (a * b).sum(axes: [1]) / lengths
    }

    static let alignments: [GoldenCase] = [
        GoldenCase("ctc") { CTCLoss()($0[0].logSoftmax(), $0[1], inputLengths: [7, 5, 6], targetLengths: [3, 2, 1]) },
        GoldenCase("ctc_joined") {
            CTCLoss(reduction: .sum)($0[0].logSoftmax(), $0[1], inputLengths: [7, 5, 6], targetLengths: [3, 2, 1])
        },
        GoldenCase("ctc_none") {
            CTCLoss(reduction: .none)($0[0].logSoftmax(), $0[1], inputLengths: [7, 7, 7], targetLengths: [3, 2, 0])
        },
        GoldenCase("ctc_blank") {
            CTCLoss(blank: 3)($0[0].logSoftmax(), $0[1], inputLengths: [7, 6, 7], targetLengths: [3, 2, 3])
        },
        GoldenCase("ctc_impossible") {
            CTCLoss(zeroInfinity: true)($0[0].logSoftmax(), $0[1], inputLengths: [3, 5, 6], targetLengths: [3, 2, 1])
        },
        GoldenCase("ctc_sequence") { ctcLoss($0[0].logSoftmax(), $0[1], inputLengths: [7], targetLengths: [3]) },
    ]

    static let rows = regression + probabilities + margins + alignments

    @Test(arguments: rows, GraphDevice.wanted)
    func aLossAndItsGradientsArePyTorchs(_ row: GoldenCase, _ device: GraphDevice) throws {
        try device.run { _ in try row.compare(with: GoldenLossTests.file) }
    }

    @Test func everyLossOfTheFileIsChecked() {
        #expect(GoldenLossTests.rows.map(\.name).sorted() == GoldenLossTests.file.cases)
    }
}
