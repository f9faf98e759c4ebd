import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

extension ImageCollection {
    /// Downloads the files that a directory lacks, by `curl` or else `wget`, and compares each with its sum. A file appears when
    /// it is whole and right. One that is there and right, or another that can be read, is left alone; one that cannot be read is
    /// replaced. A directory that has files of another collection, as MNIST's and Fashion-MNIST's have the same names, is refused.
    ///
    /// - Parameters:
    ///   - directory: made where it is missing.
    ///   - addresses: of folders that hold the files; nil is ``mirrors``. They are tried one after the other.
    /// - Throws: `data` of such a directory; `file` where it cannot be written, or where no address has a file: with what each answered, and
    ///   where to put it by hand.
    public func download(to directory: String, from addresses: [String]? = nil) throws(TensorError) {
        try download(files, to: directory, from: addresses ?? mirrors)
    }

    package func download(
        _ files: [File], to directory: String, from addresses: [String]
    ) throws(TensorError) {
        var wanted: [File] = []
        for file in files where !(try isThere(file, in: directory)) { wanted.append(file) }
        if let other = other(in: directory) { throw refusal(of: directory, other) }
        for file in wanted {
            try AtomicFile.prepare(directory: directory, file: file.name)
            let path = "\(directory)/\(file.name)"
            var answers: [String] = []
            var isThere = false
            for address in addresses where !isThere {
                do throws(TensorError) {
                    try Downloader.fetch("\(address)/\(file.name)", md5: file.md5, to: path)
                    isThere = true
                } catch {
                    answers.append(error.message)
                }
            }
            if !isThere {
                throw TensorError(
                    .file,
                    "\(file.name): could not be downloaded (\(answers.joined(separator: " | "))); "
                        + "get it by other means and put it into \(directory)")
            }
        }
    }
}

extension ImageCollection {
    /// Whether a directory has a file, or one of the user's own in its place.
    ///
    /// - Throws: `data` where another collection's is there.
    private func isThere(_ file: File, in directory: String) throws(TensorError) -> Bool {
        let path = "\(directory)/\(file.name)"
        guard FileManager.default.fileExists(atPath: path) else { return false }
        let bytes = try FileReader(path: path).readAll(limit: Downloader.limit)
        if MD5.digest(of: bytes) == file.md5 { return true }
        if isInMNISTsFormat, let owner = MNISTOwner.owner(of: bytes, path: path), owner != self {
            throw refusal(of: path, owner)
        }
        return canRead(path)
    }

    private func refusal(of path: String, _ owner: ImageCollection) -> TensorError {
        TensorError(
            .data,
            "\(path): is of \(owner.rawValue), by its sum, and \(rawValue)'s files have the same names; name another directory to "
                + "download them to")
    }

    /// Whether a file is whole and of the collection's format, as one of the user's own may be.
    private func canRead(_ path: String) -> Bool {
        do {
            switch self {
            case .mnist, .fashionMNIST:
                let file = try IDXFile(contentsOf: path)
                return file.element == .uint8 && file.dimensions.count == (path.hasSuffix("idx3-ubyte.gz") ? 3 : 1)
            case .cifar10, .cifar100:
                let packed = try FileReader(path: path).readAll(limit: Downloader.limit)
                let archive = try TarArchive(
                    try Gzip.decompress(packed, path: path, limit: Downloader.limit), path: path)
                return Part.allCases.flatMap(unpackedNames).allSatisfy { archive.file($0) != nil }
            }
        } catch {
            return false
        }
    }
}

/// Copies what an address holds to a file, by a program of the system: this package links no library for the network.
private enum Downloader {
    /// Bytes of a file at most.
    static let limit = 1 << 29

    private static let programs: [(name: String, arguments: [String])] = [
        (
            "curl",
            [
                "--fail", "--location", "--silent", "--show-error", "--proto", "=https,http,file", "--connect-timeout",
                "20", "--speed-limit", "1000", "--speed-time", "60", "--",
            ]
        ),
        ("wget", ["--quiet", "--timeout=60", "--tries=1", "--output-document=-", "--"]),
    ]

    private static let folders = ["/usr/bin", "/usr/local/bin", "/bin"]

    /// The first of the programs that the system has.
    private static func program() -> (path: String, arguments: [String])? {
        for (name, arguments) in programs {
            for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
                return ("\(folder)/\(name)", arguments)
            }
        }
        return nil
    }

    static func fetch(_ address: String, md5: String, to path: String) throws(TensorError) {
        guard let program = program() else {
            throw TensorError(.file, "\(address): there is neither curl nor wget; install one of them")
        }
        let process = Process()
        let (output, complaints) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program.path)
        process.arguments = program.arguments + [address]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = complaints
        do { try process.run() } catch {
            throw TensorError(.file, "\(address): \(program.path) cannot be started: \(error); install it again")
        }
        defer {
            if process.isRunning { process.terminate() }
            process.waitUntilExit()
        }
        try AtomicFile.write(to: path) { (file) throws(TensorError) in
            var sum = MD5()
            var count = 0
            while true {
                let chunk = Array(output.fileHandleForReading.availableData)
                if chunk.isEmpty { break }
                count += chunk.count
                guard count <= limit else {
                    throw TensorError(.file, "\(address): gives more than \(limit) bytes; name another address")
                }
                sum.update(chunk)
                try file.append(chunk)
            }
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                let said = String(decoding: complaints.fileHandleForReading.availableData, as: UTF8.self)
                let text = said.split(whereSeparator: \.isNewline).joined(separator: " ")
                throw TensorError(
                    .file,
                    "\(address): \(text.isEmpty ? "ends with \(process.terminationStatus)" : text); check the address")
            }
            guard sum.digest() == md5 else {
                throw TensorError(
                    .file, "\(address): \(count) bytes of MD5 \(sum.digest()), not \(md5); name another address")
            }
        }
    }
}
