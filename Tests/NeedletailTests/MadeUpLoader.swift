import Foundation
import TestSupport
import Testing

/// The system's OpenCL loader, whose devices are made to look like others: a library compiled by the tests, which passes
/// everything on and answers two questions itself.
struct MadeUpLoader {
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <string.h>

        typedef int (*get_info)(void *, unsigned, size_t, void *, size_t *);
        typedef void *(*create)(const void *, unsigned, void *const *, void *, void *, int *);

        static int answer(const void *from, size_t count, size_t size, void *value, size_t *actual) {
            if (actual) *actual = count;
            if (value && size < count) return -30; /* CL_INVALID_VALUE */
            if (value) memcpy(value, from, count);
            return 0;
        }

        int clGetDeviceInfo(void *device, unsigned question, size_t size, void *value, size_t *actual) {
            const char *type = getenv("MADE_UP_TYPE"), *name = getenv("MADE_UP_NAME");
            unsigned long long bits = type ? strtoull(type, NULL, 0) : 0;
            if (type && question == 0x1000) return answer(&bits, sizeof bits, size, value, actual);
            if (name && question == 0x102B) return answer(name, strlen(name) + 1, size, value, actual);
            return ((get_info)dlsym(RTLD_NEXT, "clGetDeviceInfo"))(device, question, size, value, actual);
        }

        void *clCreateContext(const void *p, unsigned n, void *const *d, void *f, void *data, int *status) {
            if (!getenv("MADE_UP_BROKEN"))
                return ((create)dlsym(RTLD_NEXT, "clCreateContext"))(p, n, d, f, data, status);
            if (status) *status = -5; /* CL_OUT_OF_RESOURCES */
            return NULL;
        }
        """

    private let directory = TemporaryDirectory()
    private let library: String

    /// - Throws: where there is no clang, which comes with Swift.
    init() throws {
        let file = directory.write([UInt8](MadeUpLoader.source.utf8), to: "loader.c")
        library = directory.path("libmadeup.so")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Its symbols are looked for in what it depends on, too.
        process.arguments = [
            "clang", "-shared", "-fPIC", "-o", library, file, "-Wl,--no-as-needed", "-l:libOpenCL.so.1", "-ldl",
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "clang made no library of the tests' loader")
    }

    /// What makes a subprocess use it.
    ///
    /// - Parameters:
    ///   - type: the bits of OpenCL's device type: 2 a CPU, 4 a GPU, 8 an accelerator.
    ///   - isBroken: whether no context can be made.
    func environment(type: Int = 4, name: String = "Made-up GPU", isBroken: Bool = false) -> [String:
        String]
    {
        var result = [
            "NEEDLETAIL_OPENCL": library,
            "MADE_UP_TYPE": "\(type)", "MADE_UP_NAME": name,
        ]
        if isBroken { result["MADE_UP_BROKEN"] = "1" }
        return result
    }
}
