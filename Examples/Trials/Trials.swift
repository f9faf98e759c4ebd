import Foundation
import Needletail

/// Trainings that scripts measure, kill and look at: what they show is in `Scripts/fit-overhead.sh`, `kill-training.sh`,
/// `tensorboard.sh` and `report-in-browser.sh`.
///
///     Trials every-callback DIRECTORY EPOCHS
///     Trials fit-overhead [ROUNDS]
@main
struct Trials {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.first, arguments.count) {
        case ("every-callback", 3):
            guard let epochs = Int(arguments.last ?? ""), epochs > 0 else { usage() }
            try EveryCallback(directory: arguments[2]).train(epochs: epochs)
        case ("fit-overhead", 1...2):
            guard let rounds = arguments.count == 1 ? 10 : Int(arguments.last ?? ""), rounds > 0 else { usage() }
            try FitOverhead().measure(rounds: rounds)
        default: usage()
        }
    }

    private static func usage() -> Never {
        FileHandle.standardError.write(
            Data("usage: Trials every-callback DIRECTORY EPOCHS | Trials fit-overhead [ROUNDS]\n".utf8))
        exit(64)
    }
}
