import Needletail
import Testing

/// A row of a table: a case of a file of `make_golden_modules.py`, and the same module of Needletail.
struct ModuleCase: Sendable, CustomTestStringConvertible {
    let name: String
    let tolerance: GoldenTolerance
    /// Makes the module, and what calls it.
    private let make: @Sendable () -> (module: any Module, call: ([Tensor]) -> [Tensor])
    private let isTraining: Bool
    /// What the module is converted to.
    private let dtype: DType

    private init(
        _ name: String, isTraining: Bool, tolerance: Double, dtype: DType = .float32,
        make: @escaping @Sendable () -> (module: any Module, call: ([Tensor]) -> [Tensor])
    ) {
        self.name = name
        self.isTraining = isTraining
        self.dtype = dtype
        self.tolerance = GoldenTolerance(
            relative: tolerance, absolute: tolerance / 2, normalizedSquare: max(1e-10, tolerance * tolerance))
        self.make = make
    }

    /// A layer of one tensor.
    static func layer(
        _ name: String, isTraining: Bool = true, tolerance: Double = 4e-6, dtype: DType = .float32,
        _ layer: @escaping @Sendable @autoclosure () -> any UnaryLayer
    ) -> ModuleCase {
        ModuleCase(name, isTraining: isTraining, tolerance: tolerance, dtype: dtype) {
            let layer = layer()
            return (layer, { [layer($0[0])] })
        }
    }

    /// A module of another call.
    static func module<Kind: Module>(
        _ name: String, isTraining: Bool = true, tolerance: Double = 4e-6, dtype: DType = .float32,
        _ module: @escaping @Sendable @autoclosure () -> Kind,
        call: @escaping @Sendable (Kind, [Tensor]) -> [Tensor]
    ) -> ModuleCase {
        ModuleCase(name, isTraining: isTraining, tolerance: tolerance, dtype: dtype) {
            let module = module()
            return (module, { call(module, $0) })
        }
    }

    /// A function, which has no state.
    static func function(
        _ name: String, tolerance: Double = 4e-6, _ function: @escaping @Sendable ([Tensor]) -> [Tensor]
    ) -> ModuleCase {
        ModuleCase(name, isTraining: true, tolerance: tolerance) { (Lambda { $0 }, function) }
    }

    var testDescription: String { name }

    /// Loads the weights, compares results, gradients, buffers and how the module prints, on the current device.
    func compare(with file: GoldenFile) throws {
        let (module, call) = make()
        module.to(dtype: dtype)
        try load(into: module, from: file)
        module.train(isTraining)
        if file.has("\(name)/text") {
            let text = String(decoding: try file.entry("\(name)/text").bytes, as: UTF8.self)
            #expect(module.description == text)
        }
        var inputs = try file.tensors("\(name)/in")
        let leaves = inputs.indices.filter { file.has("\(name)/d\($0)") }
        for index in leaves { inputs[index] = inputs[index].requiringGrad() }
        let results = call(inputs)
        let expected = file.names.count { $0.hasPrefix("\(name)/out") }
        #expect(results.count == expected, "\(name)")
        var total: Tensor?
        for (index, result) in results.enumerated() {
            try expectGolden(result, file, "\(name)/out\(index)", tolerance)
            guard file.has("\(name)/g\(index)") else { continue }
            let part = (result * (try file.tensor("\(name)/g\(index)"))).sum()
            total = total.map { $0 + part } ?? part
        }
        for (key, buffer) in module.namedBuffers {
            try expectGolden(buffer.value, file, "\(name)/after/\(key)", tolerance)
        }
        guard let total else { return }
        if total.requiresGrad { total.backward() }
        for index in leaves {
            let gradient = inputs[index].grad ?? Tensor.zerosLike(inputs[index].detach())
            try expectGolden(gradient, file, "\(name)/d\(index)", tolerance)
        }
        for (key, parameter) in module.namedParameters {
            let gradient = parameter.grad ?? Tensor.zerosLike(parameter.value.detach())
            try expectGolden(gradient, file, "\(name)/grad/\(key)", tolerance)
        }
    }

    private func load(into module: any Module, from file: GoldenFile) throws {
        let prefix = "\(name)/state/"
        var state = StateDictionary()
        for entry in file.names where entry.hasPrefix(prefix) {
            state[String(entry.dropFirst(prefix.count))] = try file.tensor(entry)
        }
        try module.load(stateDictionary: state)
    }
}

extension GoldenFile {
    /// The cases of a file of modules.
    var moduleCases: [String] {
        names.filter { $0.hasSuffix("/out0") }.map { String($0.dropLast(5)) }.sorted()
    }
}
