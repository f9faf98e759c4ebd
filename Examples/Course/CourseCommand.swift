import ArgumentParser
import Foundation
import NeedletailTraining
import TensorRuntime

/// `swift run -c release course hotel-price`
@main
struct CourseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "course", abstract: "Five courses on deep learning, listing by listing.",
        discussion: "Without a name it lists them. Exits with 1 where a result differs from the deck's.")

    @Argument(help: "Listings to run, or 'all'.")
    var names: [String] = []

    @Option(help: "A directory for the pictures.")
    var output: String?

    @Option(help: "Device: auto, cpu, opencl, vulkan, ...")
    var device: String?

    @Flag(help: "Fewer images and steps where a listing is long.")
    var quick = false

    func validate() throws {
        for name in names where name != "all" && !Listing.all.contains(where: { $0.name == name }) {
            throw ValidationError("no listing is called '\(name)'; `course` without a name lists them")
        }
    }

    func run() throws {
        guard !names.isEmpty else { return printIndex() }
        let chosen = names.contains("all") ? Listing.all : Listing.all.filter { names.contains($0.name) }
        let device = try device.map { text throws(TensorError) in try DeviceSelection.resolve(text) }
        if let output { try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true) }
        var misses = 0
        for listing in chosen {
            print("== \(listing.name): \(listing.title)")
            let lesson = Lesson(directory: output, isQuick: quick)
            if let device {
                try withDevice(device) { try listing.run(lesson) }
            } else {
                try listing.run(lesson)
            }
            misses += lesson.misses.count
        }
        if misses > 0 { throw ExitCode(EXIT_FAILURE) }
    }

    private func printIndex() {
        for deck in Listing.Deck.allCases {
            let listings = Listing.all.filter { $0.deck == deck }
            print(deck.rawValue)
            for listing in listings {
                print("  " + listing.name.padding(toLength: 30, withPad: " ", startingAt: 0) + listing.title)
            }
        }
    }
}
