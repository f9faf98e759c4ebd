import Foundation

/// A progress bar on standard error: step of total, loss, accuracy, images per second and time left.
///
/// It redraws one line at most ten times a second, and is nothing at all where standard error is not a terminal. What
/// it shows is asked for only when a line is drawn, so that reading the loss from the device does not hold up each
/// step.
package struct ProgressBar {
    /// What is read from the device for a line; what is nil is left out.
    package struct Metrics: Sendable {
        package var loss: Double?
        /// Of the images so far, 0 to 1.
        package var accuracy: Double?

        package init(loss: Double? = nil, accuracy: Double? = nil) {
            self.loss = loss
            self.accuracy = accuracy
        }
    }

    /// Whether anything is drawn.
    package let isEnabled: Bool
    private let label: String
    private let total: Int
    private let firstStep: Int
    private let images: (each: Int, total: Int)
    private let unit: String
    private let interval: Duration
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?

    /// A bar for `total` steps, of which `firstStep` are done before it starts (in a resumed run, for instance).
    ///
    /// - Parameters:
    ///   - label: stands in front, "epoch 1/6" for instance.
    ///   - images: of a step, and of all steps: the last one may have fewer. Those of the first steps took none of the bar's
    ///     time and do not count for the speed.
    ///   - unit: what they are called.
    package init(
        label: String, total: Int, firstStep: Int = 0, images: (each: Int, total: Int), unit: String = "images",
        interval: Duration = .milliseconds(100),
        isEnabled: Bool = ProgressBar.standardErrorIsTerminal
    ) {
        self.label = label
        self.total = max(total, 1)
        self.firstStep = firstStep
        self.images = images
        self.unit = unit
        self.interval = interval
        self.isEnabled = isEnabled
    }

    /// Whether standard error is a terminal that can move its cursor.
    package static var standardErrorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Says that `step` steps are done, those before the start included; draws a line when it is time, and only then
    /// calls `metrics`.
    package mutating func update<Failure: Error>(
        step: Int, metrics: () throws(Failure) -> Metrics
    ) throws(Failure) {
        guard isEnabled else { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < interval, step < total { return }
        lastDrawn = now
        let text = line(
            step: step, elapsed: (now - start) / .seconds(1), metrics: try metrics(),
            width: ProgressBar.terminalWidth)
        ProgressBar.write("\r\(text)\u{1B}[K")
    }

    /// Takes the bar from the terminal, so that a line of the caller's can stand in its place.
    package mutating func clear() {
        guard isEnabled, lastDrawn != nil else { return }
        lastDrawn = nil
        ProgressBar.write("\r\u{1B}[K")
    }

    /// The text of the bar, at most `width` columns.
    package func line(step: Int, elapsed: Double, metrics: Metrics, width: Int) -> String {
        var facts = ["\(step)/\(total)"]
        if let loss = metrics.loss { facts.append("loss \(decimal(loss, 4))") }
        if let accuracy = metrics.accuracy { facts.append("accuracy \(decimal(100 * accuracy, 2)) %") }
        let done = step - firstStep
        if elapsed > 0, done > 0 {
            let seen = min(step * images.each, images.total) - firstStep * images.each
            facts.append("\(decimal(Double(seen) / elapsed, 0)) \(unit)/s")
            facts.append("\(duration(elapsed / Double(done) * Double(max(total - step, 0)))) left")
        }
        let text = facts.joined(separator: "  ")
        // The bar takes what the words leave, and goes where that is too little.
        let cells = min(30, width - label.count - text.count - 6)
        let filled = max(0, min(cells, cells * step / total))
        let bar =
            cells < 5
            ? "" : "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: cells - filled) + "] "
        let prefix = label.isEmpty ? "" : label + " "
        // The last column stays free: some terminals wrap when it is written.
        return String((prefix + bar + text).prefix(max(width - 1, 0)))
    }

    private func decimal(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 360_000 else { return "long" }
        let whole = Int(seconds.rounded(.up))
        let tail = String(format: "%02d:%02d", whole / 60 % 60, whole % 60)
        return whole >= 3600 ? "\(whole / 3600):\(tail)" : tail
    }

    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
