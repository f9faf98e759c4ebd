import TensorRuntime

/// Finds a module's members among its stored properties, those of superclasses first.
enum ModuleReflection {
    static func members(of module: any Module) -> [ModuleMember] {
        var mirrors: [Mirror] = []
        var next: Mirror? = Mirror(reflecting: module)
        while let mirror = next {
            mirrors.append(mirror)
            next = mirror.superclassMirror
        }
        var search = Search(module: module)
        for mirror in mirrors.reversed() {
            search.type = mirror.subjectType
            for case (let label?, let value) in mirror.children {
                search.property = label
                let count = search.members.count
                search.append(value, named: memberName(label))
                search.noteHiding(hasMembers: search.members.count > count)
            }
        }
        return search.members
    }

    /// PyTorch's spelling of a property's name: `runningMean` is `running_mean`. A lazy property's own name stands
    /// behind the compiler's prefix.
    static func memberName(_ label: String) -> String {
        var name = ""
        for character in propertyName(label) {
            if character.isUppercase {
                if let last = name.last, last != "_", last != "." { name.append("_") }
                name += character.lowercased()
            } else {
                name.append(character)
            }
        }
        return name
    }

    fileprivate static func propertyName(_ label: String) -> Substring {
        let lazyPrefix = "$__lazy_storage_$_"
        return label.hasPrefix(lazyPrefix) ? label.dropFirst(lazyPrefix.count) : label[...]
    }

    fileprivate static let remedy =
        "store it in a property, an optional, array, dictionary or tuple of the module, make its type a Module, or implement members"
}

/// The search through one module's properties.
private struct Search {
    let module: any Module
    var members: [ModuleMember] = []
    /// The class whose properties are looked at, and the property.
    var type: Any.Type = Never.self
    var property = ""
    /// Classes that have a property of that name with members.
    private var owners: [String: Any.Type] = [:]

    init(module: any Module) { self.module = module }

    /// Adds what a property, or a part of it, holds.
    mutating func append(_ value: Any, named name: String) {
        switch value {
        case let parameter as Parameter: add(name, .parameter(parameter))
        case let buffer as Buffer: add(name, .buffer(buffer))
        case let mode as TrainingMode: add(name, .mode(mode))
        case let module as any Module:
            add(name, .module(module), isOptional: Mirror(reflecting: value).displayStyle == .optional)
        default:
            if HiddenMembers.isPlain(value) { return }
            let mirror = Mirror(reflecting: value)
            switch mirror.displayStyle {
            // A nil has no child; casts above see through the other case.
            case .collection:
                for (index, element) in mirror.children.enumerated() {
                    append(element.value, named: "\(name).\(index)")
                }
            case .optional: if let some = mirror.children.first { append(some.value, named: name) }
            case .tuple:
                for (index, element) in mirror.children.enumerated() {
                    // An element without a label has that of its place, `.0`.
                    let label = element.label.map {
                        $0.hasPrefix(".") ? String(index) : ModuleReflection.memberName($0)
                    }
                    append(element.value, named: "\(name).\(label ?? String(index))")
                }
            case .dictionary: appendEntries(of: mirror, named: name)
            default: refuseHidden(in: value)
            }
        }
    }

    /// A dictionary's values by their keys, in the order of these.
    private mutating func appendEntries(of dictionary: Mirror, named name: String) {
        let entries = dictionary.children.compactMap { entry -> (key: String, value: Any)? in
            let pair = Array(Mirror(reflecting: entry.value).children)
            return pair.count == 2 ? ("\(pair[0].value)", pair[1].value) : nil
        }
        for entry in entries.sorted(by: { $0.key < $1.key }) { append(entry.value, named: "\(name).\(entry.key)") }
    }

    private mutating func add(_ name: String, _ member: ModuleMember.Value, isOptional: Bool = false) {
        members.append(ModuleMember(name, member, property: property, isOptional: isOptional))
    }

    /// Reports a value that holds what no member is made of.
    private func refuseHidden(in value: Any) {
        guard let hidden = HiddenMembers(in: value, of: module).first else { return }
        report(
            "the property '\(ModuleReflection.propertyName(property))' is of type \(Swift.type(of: value)), in which "
                + "\(hidden) would neither be trained nor saved", remedy: ModuleReflection.remedy)
    }

    /// Reports a property that has the name of a superclass's, where either holds members.
    mutating func noteHiding(hasMembers: Bool) {
        if let owner = owners[property] {
            report(
                "the property '\(ModuleReflection.propertyName(property))' of \(type) hides that of \(owner), so that two "
                    + "members have one name", remedy: "rename it")
        }
        if hasMembers { owners[property] = type }
    }

    private func report(_ problem: String, remedy: String) {
        WrongCall.report("\(Swift.type(of: module))", problem, remedy: remedy, at: nil)
    }
}

/// What a value that is no member holds inside: the first parameter, buffer or module, unless the value leads back to the
/// module that refers to it, as a reference to its owner does.
private struct HiddenMembers {
    /// `a Linear ('inner.layer')`; nil where there is nothing, or the way leads back.
    private(set) var first: String?
    private let origin: ObjectIdentifier
    private var leadsBack = false
    private var seen: Set<ObjectIdentifier> = []

    init(in value: Any, of module: any Module) {
        origin = ObjectIdentifier(module)
        look(into: value, path: "", depth: 0)
        if leadsBack { first = nil }
    }

    /// Whether a value is known to hold nothing, by its type alone: numbers, strings, tensors, and arrays, sets and
    /// dictionaries of these, however many; and values of the libraries, whose classes may belong to other threads.
    static func isPlain(_ value: Any) -> Bool {
        let type = Swift.type(of: value)
        if isPlain(type) { return true }
        if isMember(value) { return false }
        let name = String(reflecting: type)
        return libraries.contains { name.hasPrefix($0) }
    }

    private static func isPlain(_ type: Any.Type) -> Bool {
        if type is any Numeric.Type || type is any StringProtocol.Type || type == Bool.self || type == Tensor.self {
            return true
        }
        if let dictionary = type as? any Pairing.Type { return isPlain(dictionary.value) }
        if let optional = type as? any Wrapping.Type { return isPlain(optional.wrapped) }
        if let collection = type as? any Collection.Type { return holdsPlain(collection) }
        return false
    }

    private static func holdsPlain<C: Collection>(_ type: C.Type) -> Bool { isPlain(C.Element.self) }

    private static let libraries = [
        "Needletail.", "TensorRuntime.", "TensorGraph.", "Synchronization.", "Foundation.", "FoundationEssentials.",
        "Dispatch.",
    ]

    private mutating func look(into value: Any, path: String, depth: Int) {
        // Deep enough for any model; a list linked by classes is not followed to its end.
        if leadsBack || depth > 64 || HiddenMembers.isPlain(value) { return }
        if HiddenMembers.isMember(value) {
            let place = path.isEmpty ? "" : " ('\(path)')"
            if first == nil { first = "a \(HiddenMembers.typeName(value))\(place)" }
        }
        if value is Parameter || value is Buffer || value is TrainingMode || value is any Actor { return }
        var next: Mirror? = Mirror(reflecting: value)
        if next?.displayStyle == .class {
            let object = ObjectIdentifier(value as AnyObject)
            if object == origin { leadsBack = true }
            guard !leadsBack, seen.insert(object).inserted else { return }
        }
        while let mirror = next {
            for child in mirror.children {
                let step = child.label.map { String(ModuleReflection.propertyName($0)) } ?? ""
                look(
                    into: child.value, path: path.isEmpty ? step : step.isEmpty ? path : "\(path).\(step)",
                    depth: depth + 1)
            }
            next = mirror.superclassMirror
        }
    }

    private static func isMember(_ value: Any) -> Bool {
        value is Parameter || value is Buffer || value is TrainingMode || value is any Module
    }

    private static func typeName(_ value: Any) -> String {
        if value is Parameter { return "Parameter" }
        if value is Buffer { return "Buffer" }
        if value is TrainingMode { return "TrainingMode" }
        return "\(Swift.type(of: value))"
    }
}

/// An optional, whose type says what it may hold.
private protocol Wrapping { static var wrapped: Any.Type { get } }
extension Optional: Wrapping { fileprivate static var wrapped: Any.Type { Wrapped.self } }

/// A dictionary, whose type says what its values are.
private protocol Pairing { static var value: Any.Type { get } }
extension Dictionary: Pairing { fileprivate static var value: Any.Type { Value.self } }
