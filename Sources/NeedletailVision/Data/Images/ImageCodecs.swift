import CImageCodecs
import Needletail
import TensorRuntime

/// The libraries that decode pictures, opened when the first picture is met.
enum ImageCodecs {
    /// Four bytes a pixel, as a library gives them.
    struct Decoded {
        let width: Int
        let height: Int
        let pixels: [UInt8]
        /// Whether they are cyan, magenta, yellow and black, as in the file; else red, green, blue and alpha.
        let isCMYK: Bool
    }

    private static let png = open("libpng16.so.16", package: "libpng16-16", nt_png_open)
    private static let jpeg = open("libturbojpeg.so.0", package: "libturbojpeg0", nt_jpeg_open)

    /// A library; never closed, so that it may be used by any thread.
    ///
    /// Safety: the pointer is to functions alone, which keep their state in what they are given.
    private struct Library: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private typealias Reason = UnsafeMutablePointer<CChar>

    private static func open(
        _ name: String, package: String,
        _ open: (UnsafePointer<CChar>?, Reason?, Int) -> OpaquePointer?
    ) -> Result<Library, TensorError> {
        var reason = [CChar](repeating: 0, count: 256)
        guard let opened = open(name, &reason, reason.count) else {
            return .failure(
                TensorError(
                    .unsupported, "\(name) cannot be opened: \(text(reason)); install Debian's package \(package)"))
        }
        return .success(Library(pointer: opened))
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Decodes a PNG or JPEG file: its first bytes say which.
    ///
    /// - Parameter limit: pixels at most; a header that says more is refused before memory is asked for.
    static func decode(_ bytes: [UInt8], path: String, limit: Int) throws(TensorError) -> Decoded {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            return try decode(bytes, path, limit, "PNG", png, nt_png_size, nt_png_decode)
        }
        if bytes.starts(with: [0xFF, 0xD8]) {
            return try decode(bytes, path, limit, "JPEG", jpeg, nt_jpeg_size, nt_jpeg_decode)
        }
        throw TensorError(.data, "\(path): is neither PNG nor JPEG; convert it to one of them, or take it out")
    }

    private static func decode(
        _ bytes: [UInt8], _ path: String, _ limit: Int, _ format: String, _ library: Result<Library, TensorError>,
        _ size: (OpaquePointer?, UnsafeRawPointer?, Int, UnsafeMutablePointer<nt_image_size>?, Reason?, Int) -> Int32,
        _ pixels: (
            OpaquePointer?, UnsafeRawPointer?, Int, UnsafePointer<nt_image_size>?, UnsafeMutablePointer<UInt8>?,
            Reason?,
            Int
        ) -> Int32
    ) throws(TensorError) -> Decoded {
        let opened: Library
        do { opened = try library.get() } catch { throw TensorError(error.kind, "\(path): \(error.message)") }
        var message = [CChar](repeating: 0, count: 256)
        func broken() -> TensorError {
            TensorError(.data, "\(path): broken \(format) file (\(text(message))); get it again, or take it out")
        }
        var found = nt_image_size()
        guard size(opened.pointer, bytes, bytes.count, &found, &message, message.count) != 0 else { throw broken() }
        let (count, overflows) = Int(found.width).multipliedReportingOverflow(by: Int(found.height))
        guard !overflows, count > 0, count <= limit else {
            throw TensorError(
                .data,
                "\(path): \(found.width) x \(found.height) pixels exceed the limit of \(limit); "
                    + "make it smaller, or raise the limit")
        }
        var done: Int32 = 0
        let decoded = [UInt8](unsafeUninitializedCapacity: 4 * count) { buffer, initialized in
            // What a broken file leaves out is not what was in memory before.
            buffer.initialize(repeating: 0)
            done = pixels(
                opened.pointer, bytes, bytes.count, &found, buffer.baseAddress, &message, message.count)
            initialized = 4 * count
        }
        guard done != 0 else { throw broken() }
        return Decoded(
            width: Int(found.width), height: Int(found.height), pixels: decoded, isCMYK: found.is_cmyk != 0)
    }
}
