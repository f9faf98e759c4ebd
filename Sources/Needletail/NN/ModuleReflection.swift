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
            for case (let label?, let value) in mirror.children { append(value, named: label, to: &result) }
        }
        return result
    }

    private static func append(_ value: Any, named label: String, to result: inout [ModuleMember]) {
        let name = memberName(label)
        switch value {
        case let parameter as Parameter: result.append(ModuleMember(name, .parameter(parameter)))
        case let buffer as Buffer: result.append(ModuleMember(name, .buffer(buffer)))
        case let mode as TrainingMode: result.append(ModuleMember(name, .mode(mode)))
        case let module as any Module: result.append(ModuleMember(name, .module(module)))
        default:
            let mirror = Mirror(reflecting: value)
            switch mirror.displayStyle {
            // A nil has no child; casts above see through the other case.
            case .collection:
                for (index, element) in mirror.children.enumerated() {
                    append(element.value, named: "\(name).\(index)", to: &result)
                }
            case .optional:
                if let some = mirror.children.first { append(some.value, named: name, to: &result) }
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
