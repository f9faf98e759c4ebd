/// Finds a module's members among its stored properties, those of superclasses first.
enum ModuleReflection {
    static func members(of module: any Module) -> [ModuleMember] {
        var mirrors: [Mirror] = []
        var next: Mirror? = Mirror(reflecting: module)
        while let mirror = next {
            mirrors.append(mirror)
            next = mirror.superclassMirror
        }
        var result: [ModuleMember] = []
        for mirror in mirrors.reversed() {
            for case (let label?, let value) in mirror.children {
                append(value, named: memberName(label), of: label, to: &result)
            }
        }
        return result
    }

    private static func append(
        _ value: Any, named name: String, of property: String, to result: inout [ModuleMember]
    ) {
        func add(_ member: ModuleMember.Value, isOptional: Bool = false) {
            result.append(ModuleMember(name, member, property: property, isOptional: isOptional))
        }
        switch value {
        case let parameter as Parameter: add(.parameter(parameter))
        case let buffer as Buffer: add(.buffer(buffer))
        case let mode as TrainingMode: add(.mode(mode))
        case let module as any Module:
            add(.module(module), isOptional: Mirror(reflecting: value).displayStyle == .optional)
        default:
            let mirror = Mirror(reflecting: value)
            switch mirror.displayStyle {
            // A nil has no child; casts above see through the other case.
            case .collection:
                for (index, element) in mirror.children.enumerated() {
                    append(element.value, named: "\(name).\(index)", of: property, to: &result)
                }
            case .optional:
                if let some = mirror.children.first { append(some.value, named: name, of: property, to: &result) }
            default: break
            }
        }
    }

    /// PyTorch's spelling of a property's name: `runningMean` is `running_mean`. A lazy property's own name stands
    /// behind the compiler's prefix.
    static func memberName(_ label: String) -> String {
        let lazyPrefix = "$__lazy_storage_$_"
        var name = ""
        for character in label.hasPrefix(lazyPrefix) ? label.dropFirst(lazyPrefix.count) : label[...] {
            if character.isUppercase {
                if let last = name.last, last != "_", last != "." { name.append("_") }
                name += character.lowercased()
            } else {
                name.append(character)
            }
        }
        return name
    }
}
