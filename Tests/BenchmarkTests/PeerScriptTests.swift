import Foundation
import NeedletailBench
import TensorRuntime
import TestSupport
import Testing

/// The peers' side, with frameworks that do nothing: what it does, not how fast.
@Suite struct PeerScriptTests {
    private static let folder = "\(SlowDownTests.root)/Benchmarks/Peers"

    private func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> NeedletailTool.Result {
        try NeedletailTool.run(["python3", "-B"] + arguments, environment: environment, program: "/usr/bin/env")
    }

    /// Runs a program behind modules of every framework whose functions do nothing and give something for everything.
    private func run(_ program: String, _ environment: [String: String] = [:]) throws -> NeedletailTool.Result {
        let modules = """
            import sys, types
            from unittest.mock import MagicMock

            class Module:
                def __call__(self, *arguments):
                    return MagicMock()

            sys.path.insert(0, "\(PeerScriptTests.folder)")
            for name in ["torch", "torch.nn", "torch.nn.functional", "jax", "jax.numpy", "tinygrad"]:
                sys.modules[name] = MagicMock()
            torch, tinygrad = sys.modules["torch"], sys.modules["tinygrad"]
            torch.nn, torch.nn.functional = sys.modules["torch.nn"], sys.modules["torch.nn.functional"]
            torch.nn.Module = Module
            tinygrad.TinyJit = lambda body: body

            """
        return try run(["-c", modules + program], environment)
    }

    /// The peers refuse what they would not use, before they load a framework.
    @Test(arguments: [
        ["train", "--filter", "gelu"], ["op", "--model", "mlp"], ["layers", "--dtype", "float16"],
        ["op", "--framework", "tinygrad"], ["accuracy", "--round", "1"],
    ])
    func peersRefuseOptionsWithoutUse(_ arguments: [String]) throws {
        let result = try run(["\(PeerScriptTests.folder)/peer.py"] + arguments)
        #expect(
            result.code == 2 && (result.errors.contains("unrecognized") || result.errors.contains("invalid choice")),
            "\(result)")
    }

    /// A pass of less than a step would take no time, or less.
    @Test(arguments: [
        ["train", "--steps", "-1"], ["train", "--steps", "0"], ["train", "--batch", "64,0"],
        ["op", "--seconds", "-0.5"],
        ["layers", "--seconds", "inf"], ["accuracy", "--threads", "0"],
    ])
    func peersRefuseNumbersThatCannotBe(_ arguments: [String]) throws {
        let result = try run(["\(PeerScriptTests.folder)/peer.py"] + arguments)
        #expect(
            result.code == 2 && result.errors.contains("argument \(arguments[1])")
                && result.errors.contains("give a number above 0"), "\(result)")
    }

    /// One processor of each core, then the others; of those alone that the process was given.
    @Test func processorsAreTakenFromDifferentCoresFirst() throws {
        let place = TemporaryDirectory()
        for (processor, core) in [(0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3"), (4, "4-5")] {
            let folder = "cpu\(processor)/topology"
            try FileManager.default.createDirectory(atPath: place.path(folder), withIntermediateDirectories: true)
            place.write("\(core)\n", to: "\(folder)/thread_siblings_list")
        }
        let result = try run(
            """
            import os, peer
            for given in [{0, 1, 2, 3}, {1, 2, 3, 4}, {3, 1, 9}]:
                os.sched_getaffinity = lambda process: given
                print(peer.cores("\(place.path)"))
            """)
        #expect(result.output == "[0, 2, 1, 3]\n[1, 2, 4, 3]\n[1, 3, 9]\n", "\(result)")
        let named = try run(["\(PeerScriptTests.folder)/peer.py", "processors", "--threads", "1"])
        #expect(named.code == 0 && Int(named.output.trimmingCharacters(in: .whitespacesAndNewlines)) != nil, "\(named)")
    }

    /// Before any model is timed.
    @Test func modelsThatAPeerLacksAreRefusedFirst() throws {
        let result = try run(
            """
            sys.modules["numpy"] = MagicMock()
            import peer, training
            training.time_model = lambda *arguments: print("timed")
            sys.argv = ["peer", "train", "--framework", "jax", "--threads", "1", "--model", "mlp,cnn"]
            peer.main()
            """)
        #expect(result.code == 1 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("cnn is not there for jax: mlp, mlp-small"), "\(result)")
    }

    /// A batch of all images leaves nothing to take it from; what is less is timed.
    @Test(arguments: [("64,60000", 60_000), ("70000", 70_000)])
    func batchesOfAllImagesAreRefusedFirst(_ batches: String, _ large: Int) throws {
        func result(_ batches: String) throws -> NeedletailTool.Result {
            try run(
                """
                sys.modules["numpy"] = MagicMock()
                import importlib.metadata, peer, training
                importlib.metadata.version = lambda package: "0"
                training.time_model = lambda row, options, model, batch: print(batch)
                sys.argv = ["peer", "train", "--threads", "1", "--batch", "\(batches)"]
                peer.main()
                """)
        }
        let refused = try result(batches)
        #expect(refused.code == 1 && refused.output.isEmpty, "\(refused)")
        #expect(refused.errors == "--batch \(large): give less than the 60000 images\n", "\(refused)")
        #expect(try result("64,59999").output == "64\n59999\n")
    }

    /// By the option, or else by the variable; JAX and tinygrad by the processors that they see.
    @Test func peersHaveTheThreadsThatWereAskedFor() throws {
        let program = """
            import os, peer
            for framework, option in [("torch", ["--threads", "7"]), ("jax", [])]:
                sys.argv = ["peer", "op", "--framework", framework] + option
                options = peer.parse()
                peer.limit(options)
                print(framework, options.threads)
            print(torch.set_num_threads.call_args.args, len(os.sched_getaffinity(0)), os.environ["NUM_CPU_THREADS"])
            """
        let result = try run(program, ["NEEDLETAIL_THREADS": "1"])
        #expect(result.output == "torch 7\njax 1\n(7,) 1 1\n", "\(result)")
        let many = try run(["\(PeerScriptTests.folder)/peer.py", "op", "--framework", "jax", "--threads", "100000"])
        #expect(many.code == 1 && many.errors.contains("--threads 100000: jax has one for each of"), "\(many)")
    }

    /// Rows of a peer's command, as `dtype|name`.
    private func rows(_ framework: String, _ what: String, filter: String = "", dtypes: String) throws -> [String] {
        let result = try run(
            """
            sys.modules["numpy"] = MagicMock()
            import operations
            operations.samples = lambda run, finish, seconds: (1, [1])

            class Row:
                def write(self, suite, name, dtype, first, taken):
                    print(dtype + "|" + name)

            options = types.SimpleNamespace(what="\(what)", framework="\(framework)", filter="\(filter)", seconds=1)
            for dtype in "\(dtypes)".split(","):
                operations.time_all(Row(), options, dtype)
            """)
        try #require(result.code == 0, "\(result)")
        return result.output.split(separator: "\n").map(String.init)
    }

    private static let large = ["cumsum 1048576", "sort 1048576", "topk 1048576 k100"]

    /// Under the same names in the same data types.
    @Test func torchHasEveryPublishedOperation() throws {
        let dtypes = [DType.float32, .float16, .bfloat16]
        let wanted = dtypes.flatMap { dtype in
            OperationCase.all.filter { $0.dtypes.contains(dtype) }.map { "\(dtype)|\($0.name)" }
        }
        let found = try rows("torch", "op", dtypes: dtypes.map { "\($0)" }.joined(separator: ","))
        #expect(Set(found) == Set(wanted) && found.count == wanted.count)
        #expect(try rows("torch", "op", filter: "topk", dtypes: "float32") == ["float32|topk 1048576 k100"])
    }

    @Test func torchHasEveryRowOfLayers() throws {
        let wanted = (OperationCase.layers.map(\.name) + PeerScriptTests.large).map { "float32|\($0)" }
        #expect(try rows("torch", "layers", dtypes: "float32").sorted() == wanted.sorted())
    }

    @Test func jaxHasNothingInLayersThatIsNotOfLayers() throws {
        #expect(try rows("jax", "layers", dtypes: "float32") == PeerScriptTests.large.map { "float32|\($0)" })
        let names = Set(OperationCase.all.map { "float32|\($0.name)" })
        let found = try rows("jax", "op", dtypes: "float32")
        #expect(found.count > 40 && names.isSuperset(of: found), "\(Set(found).subtracting(names))")
    }

    /// Images and labels of a batch are taken inside of a step, from bytes: of floats tinygrad would make a gradient.
    @Test func tinygradGathersInItsStep() throws {
        let result = try run(
            """
            sys.modules["numpy"] = MagicMock()
            import training
            images = MagicMock()
            training.mnist_bytes = lambda: (images, MagicMock())
            gather = tinygrad.Tensor.return_value.realize.return_value.__getitem__
            step, ready, finish = training.step_tinygrad(types.SimpleNamespace(), "mlp-small", [MagicMock()])
            print(gather.call_count, any(call.args[0] is images.copy.return_value for call in tinygrad.Tensor.call_args_list))
            step(ready[0])
            print(gather.call_count)
            """)
        #expect(result.output == "0 True\n2\n", "\(result)")
    }

    /// In the folder named or in its folder `mnist`.
    @Test func peersTakeTheDataThatTheVariableNames() throws {
        let place = TemporaryDirectory()
        let program = """
            class Numbers(bytes):
                reshape = astype = __truediv__ = lambda self, *arguments: self

            sys.modules["numpy"] = MagicMock()
            sys.modules["numpy"].frombuffer = lambda data, dtype, offset: Numbers(data[offset:])
            import training
            images, labels = training.mnist()
            print(len(images), len(labels))
            images, _ = training.mnist_bytes()
            print(images == bytes([1] * 20))
            """
        let missing = try run(program, ["NEEDLETAIL_DATA": place.path])
        #expect(
            missing.code == 1 && missing.errors.contains("not in \(place.path) nor \(place.path)/mnist"), "\(missing)")
        try FileManager.default.createDirectory(atPath: place.path("mnist"), withIntermediateDirectories: true)
        for (name, count) in [("train-images-idx3-ubyte", 36), ("train-labels-idx1-ubyte", 11)] {
            place.write([UInt8](repeating: 1, count: count), to: "mnist/\(name)")
        }
        let found = try run(program, ["NEEDLETAIL_DATA": place.path])
        #expect(found.output == "20 3\nTrue\n", "\(found)")
    }

    /// `ratios.py`: a line for the rows of the same machine and, on the CPU, threads as the peer's, and none for others; a peer's device
    /// stands beside it.
    @Test func ratiosAreOfOneMachineAndOneNumberOfThreads() throws {
        let place = TemporaryDirectory()
        func row(
            _ framework: String, threads: Int, machine: String?, _ time: Double, device: String = "cpu"
        ) throws -> String {
            var row = RowTests.row(samples: [time])
            (row.framework, row.threads, row.machine, row.device) = (framework, threads, machine, device)
            row.driver = "\(framework), \(threads) threads"
            return try row.json() + "\n"
        }
        let file = try place.write(
            row("needletail", threads: 1, machine: "A", 3) + row("needletail", threads: 2, machine: "A", 1)
                + row("torch", threads: 2, machine: "A", 2) + row("torch", threads: 1, machine: "B", 5)
                + row("needletail", threads: 2, machine: "B", 4, device: "vulkan:0"),
            to: "rows.jsonl")
        let result = try run(
            [
                "-c",
                """
                import pathlib, sys
                sys.path.insert(0, "\(SlowDownTests.root)/Benchmarks")
                import ratios
                print(*ratios.lines(pathlib.Path("\(file)")), sep="\\n")
                """,
            ])
        #expect(
            result.output == """
                | A | cpu, 2 threads | torch on cpu | operations | 1 | 0.50 | 100% | 0.50 |
                | B | vulkan:0 | torch on cpu | operations | 1 | 0.80 | 100% | 0.80 |

                """, "\(result)")
    }

    @Test func ratiosRefusesWhatItDoesNotKnow() throws {
        let result = try run(["\(SlowDownTests.root)/Benchmarks/ratios.py", "--check", "--chek"])
        #expect(result.code == 64 && result.errors.contains("--chek is no argument"), "\(result)")
    }

    /// README's table is that of the results.
    @Test func theTableOfRatiosIsThatOfTheResults() throws {
        let result = try run(["\(SlowDownTests.root)/Benchmarks/ratios.py", "--check"])
        #expect(result.code == 0, "\(result)")
    }
}
