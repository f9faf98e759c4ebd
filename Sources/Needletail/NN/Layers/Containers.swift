import TensorRuntime

/// Adds what layers make of a tensor to that tensor: `x + layers(x)`. Names are the layers' numbers, as in ``Sequential``.
///
///     Residual {
///         Conv2d(64, 64, kernel: 3, padding: 1)
///         ReLU()
///     }
public final class Residual: UnaryLayer {
    private let body: Sequential

    public init(_ layers: [any UnaryLayer]) { body = Sequential(layers) }
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

    public init(axis: Int = 1, _ layers: [any UnaryLayer], file: StaticString = #fileID, line: UInt = #line) {
        branches = Sequential(layers)
        self.axis = axis
        if layers.isEmpty {
            WrongCall.report(
                "Concatenated", "there are no layers", remedy: "give one or more", at: CallSite(file, line))
        }
    }

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

    public init(_ elements: [Element] = []) where Element: Module {
        self.elements = elements
        asModule = { $0 }
    }
    public init(_ elements: [Element] = []) where Element == any Module {
        self.elements = elements
        asModule = { $0 }
    }
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

    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element: Module {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }
    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element == any Module {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }
    public init(_ elements: KeyValuePairs<String, Element> = [:]) where Element == any UnaryLayer {
        asModule = { $0 }
        for (name, element) in elements { self[name] = element }
    }

    public var names: [String] { elements.map(\.name) }
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

    public init(_ elements: [Parameter] = []) { self.elements = elements }

    public var startIndex: Int { elements.startIndex }
    public var endIndex: Int { elements.endIndex }
    public subscript(position: Int) -> Parameter { elements[position] }

    public func append(_ element: Parameter) { elements.append(element) }

    public var members: [ModuleMember] {
        elements.enumerated().map { ModuleMember(String($0), .parameter($1)) }
    }
}

extension ModuleList: PrintsRuns {}
