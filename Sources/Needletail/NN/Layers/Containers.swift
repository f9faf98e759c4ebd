import TensorRuntime

/// Adds what layers make of a tensor to that tensor: `x + layers(x)`. Names are the layers' numbers, as in ``Sequential``.
///
///     Residual {
///         Conv2d(64, 64, kernel: 3, padding: 1)
///         ReLU()
///     }
public final class Residual: UnaryLayer {
    private let body: Sequential

    /// Without layers, the input is doubled. What the layers make has the input's shape, or one that broadcasts with
    /// it.
    public init(_ layers: [any UnaryLayer]) { body = Sequential(layers) }
    /// Layers one a line, with `if` and `for`, as in ``Sequential``.
    public convenience init(@SequentialBuilder _ layers: () -> [any UnaryLayer]) { self.init(layers()) }

    public var members: [ModuleMember] { body.members }
    public func callAsFunction(_ input: Tensor) -> Tensor { input + body(input) }
}

/// Joins what several layers make of one tensor along an axis. Names are the layers' numbers.
///
///     Concatenated(axis: 1) {
///         Conv2d(64, 32, kernel: 1)
///         Conv2d(64, 32, kernel: 3, padding: 1)
///     }
public final class Concatenated: UnaryLayer {
    private let branches: Sequential
    private let axis: Int

    /// - Parameters:
    ///   - axis: along which the results are joined; 1 is the channels of a batch.
    ///   - layers: one or more. Their results agree in all other axes.
    public init(axis: Int = 1, _ layers: [any UnaryLayer], file: StaticString = #fileID, line: UInt = #line) {
        branches = Sequential(layers)
        self.axis = axis
        if layers.isEmpty {
            WrongCall.report(
                "Concatenated", "there are no layers", remedy: "give one or more", at: CallSite(file, line))
        }
    }

    /// Branches one a line, with `if` and `for`, as the layers of a ``Sequential``; one branch of several layers is a
    /// ``Sequential``.
    public convenience init(
        axis: Int = 1, file: StaticString = #fileID, line: UInt = #line,
        @SequentialBuilder _ layers: () -> [any UnaryLayer]
    ) {
        self.init(axis: axis, layers(), file: file, line: line)
    }

    public var members: [ModuleMember] { branches.members }
    public var configuration: String { "dim=\(axis)" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        if branches.layers.isEmpty { return input }
        let results = LayerPlace.within { place in
            branches.layers.enumerated().map { index, layer in
                place.pointee.index = index
                let output = layer(input)
                place.pointee.note(layer, made: output)
                return output
            }
        }
        return Tensor.concatenate(results, axis: axis)
    }
}

/// A function of a tensor as a layer, without parameters of its own.
///
///     Lambda { $0.mean(axes: [2, 3]) }
public final class Lambda: UnaryLayer {
    private let function: (Tensor) -> Tensor

    /// - Parameter function: in tensor operations. Parameters and modules that it captures are not found by the model.
    public init(_ function: @escaping (Tensor) -> Tensor) { self.function = function }

    public func callAsFunction(_ input: Tensor) -> Tensor { function(input) }
}

/// Modules by number, which the module that holds them calls as it likes, as
/// [torch.nn.ModuleList](https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html). Names are `0.weight`, ...
///
/// A plain array of modules does as well; its names have the property's in front, as a list's have.
public final class ModuleList<Element>: Module, RandomAccessCollection {
    private var elements: [Element]
    private let asModule: (Element) -> any Module

    /// Of modules of one class: `ModuleList((0..<3).map { _ in Linear(8, 8) })`.
    public init(_ elements: [Element] = []) where Element: Module {
        self.elements = elements
        asModule = { $0 }
    }
    /// Of modules of any class, which the holder casts before it calls them.
    public init(_ elements: [Element] = []) where Element == any Module {
        self.elements = elements
        asModule = { $0 }
    }
    /// Of layers of any class, each called with a tensor.
    public init(_ elements: [Element] = []) where Element == any UnaryLayer {
        self.elements = elements
        asModule = { $0 }
    }

    public var startIndex: Int { elements.startIndex }
    public var endIndex: Int { elements.endIndex }
    public subscript(position: Int) -> Element {
        get { elements[position] }
        set { elements[position] = newValue }
    }

    /// Adds a module behind the last. An optimizer that exists already does not know its parameters.
    public func append(_ element: Element) { elements.append(element) }

    public var members: [ModuleMember] {
        elements.enumerated().map { ModuleMember(String($0), .module(asModule($1))) }
    }
}

/// Modules by name, in the order in which they were added, as
/// [torch.nn.ModuleDict](https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html).
public final class ModuleDictionary<Element>: Module {
    private var elements: [(name: String, element: Element)] = []
    private let asModule: (Element) -> any Module

    /// Of modules of one class, in the order written: `ModuleDictionary(["left": Linear(8, 8)])`.
    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element: Module {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }
    /// Of modules of any class, which the holder casts before it calls them.
    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element == any Module {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }
    /// Of layers of any class, each called with a tensor.
    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element == any UnaryLayer {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }

    /// In the order in which the modules were added; they are the first part of the parameters' names.
    public var names: [String] { elements.map(\.name) }
    /// The modules in the order in which they were added.
    public var values: [Element] { elements.map(\.element) }

    /// The module of that name. Setting appends, replaces, or with nil removes.
    public subscript(name: String) -> Element? {
        get { elements.first { $0.name == name }?.element }
        set {
            let place = elements.firstIndex { $0.name == name }
            switch (place, newValue) {
            case (let place?, let element?): elements[place].element = element
            case (nil, let element?): elements.append((name, element))
            case (let place?, nil): elements.remove(at: place)
            case (nil, nil): break
            }
        }
    }

    public var members: [ModuleMember] { elements.map { ModuleMember($0.name, .module(asModule($0.element))) } }
}

/// Parameters by number, as
/// [torch.nn.ParameterList](https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html).
public final class ParameterList: Module, RandomAccessCollection {
    private var elements: [Parameter]

    /// Names of the parameters are their numbers, behind the name of the property that holds the list.
    public init(_ elements: [Parameter] = []) { self.elements = elements }

    public var startIndex: Int { elements.startIndex }
    public var endIndex: Int { elements.endIndex }
    public subscript(position: Int) -> Parameter { elements[position] }

    /// Adds a parameter behind the last. An optimizer that exists already does not know it.
    public func append(_ element: Parameter) { elements.append(element) }

    public var members: [ModuleMember] {
        elements.enumerated().map { ModuleMember(String($0), .parameter($1)) }
    }
}

extension ModuleList: PrintsRuns {}
