import Foundation
import TestSupport
import Testing

/// The system's OpenCL loader, whose devices are made to look like others: a library compiled by the tests, which passes
/// everything on, answers two questions itself, and has a fault where it is told to.
struct MadeUpLoader {
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <string.h>

        typedef int (*get_info)(void *, unsigned, size_t, void *, size_t *);
        typedef void *(*create)(const void *, unsigned, void *const *, void *, void *, int *);
        typedef int (*build)(void *, unsigned, void *const *, const char *, void *, void *);
        typedef int (*marker)(void *, unsigned, void *const *, void *);
        typedef int (*launch)(void *, void *, unsigned, const size_t *, const size_t *, const size_t *, unsigned,
                              void *const *, void *);

        static int has_fault(const char *name) {
            const char *fault = getenv("MADE_UP_FAULT");
            return fault && !strcmp(fault, name);
        }

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
            if (!has_fault("no context"))
                return ((create)dlsym(RTLD_NEXT, "clCreateContext"))(p, n, d, f, data, status);
            if (status) *status = -5; /* CL_OUT_OF_RESOURCES */
            return NULL;
        }

        int clBuildProgram(void *program, unsigned n, void *const *d, const char *options, void *f, void *data) {
            if (has_fault("no program")) return -11; /* CL_BUILD_PROGRAM_FAILURE */
            return ((build)dlsym(RTLD_NEXT, "clBuildProgram"))(program, n, d, options, f, data);
        }

        /* Work that is said to be done, and is not. */
        int clEnqueueNDRangeKernel(void *queue, void *kernel, unsigned rank, const size_t *offset, const size_t *size,
                                   const size_t *group, unsigned n, void *const *waits, void *event) {
            if (has_fault("no work") && event)
                return ((marker)dlsym(RTLD_NEXT, "clEnqueueMarkerWithWaitList"))(queue, n, waits, event);
            if (has_fault("no work")) return 0;
            return ((launch)dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel"))(queue, kernel, rank, offset, size, group, n, waits,
                                                                        event);
        }
        """

    /// What a driver may have that lists a device all the same.
    enum Fault: String, CaseIterable, Sendable {
        case noContext = "no context"
        case noProgram = "no program"
        case noWork = "no work"
    }

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
    ///   - fault: what fails, if anything does.
    func environment(type: Int = 4, name: String = "Made-up GPU", fault: Fault? = nil) -> [String: String] {
        var result = ["NEEDLETAIL_OPENCL": library, "MADE_UP_TYPE": "\(type)", "MADE_UP_NAME": name]
        result["MADE_UP_FAULT"] = fault?.rawValue
        return result
    }
}
