/// SPIR-V as text, an instruction a line, for what the emitter writes; other instructions as their numbers.
package enum SPIRVDisassembler {
    /// The words of an instruction, a letter each: a result `=` and its type `t` stand before the sign, `%` is an id, `#` a
    /// number, `"` a text; numbers with names are `c` a capability, `s` a storage class, `d` a decoration, `m` a mode, `f` a
    /// function. The last letter goes for all words that are left. What is not here has a type, a result and ids.
    private static let forms: [SPIRVOpcode: String] = [
        .capability: "c", .extension: "\"", .extInstImport: "=\"", .memoryModel: "#", .entryPoint: "#%\"%",
        .executionMode: "%m#", .name: "%\"", .memberName: "%#\"", .decorate: "%d#", .memberDecorate: "%#d#",
        .typeVoid: "=", .typeBool: "=", .typeInt: "=#", .typeFloat: "=#", .typeVector: "=%#", .typePointer: "=s%",
        .typeArray: "=%", .typeRuntimeArray: "=%", .typeStruct: "=%", .typeFunction: "=%", .label: "=",
        .constant: "t=#", .variable: "t=s", .function: "t=#%", .extInst: "t=%f%", .compositeExtract: "t=%#",
        .loopMerge: "%%#", .selectionMerge: "%#", .load: "t=%#", .store: "%%#", .controlBarrier: "%", .branch: "%",
        .branchConditional: "%", .return: "%", .functionEnd: "%", .groupNonUniformIAdd: "t=%#%",
        .groupNonUniformFAdd: "t=%#%", .groupNonUniformSMin: "t=%#%", .groupNonUniformUMin: "t=%#%",
        .groupNonUniformFMin: "t=%#%", .groupNonUniformSMax: "t=%#%", .groupNonUniformUMax: "t=%#%",
        .groupNonUniformFMax: "t=%#%",
    ]

    package static func text(_ words: [UInt32]) -> String {
        guard words.count >= 5, words[0] == SPIRV.magic else { return "no SPIR-V" }
        let version = "\(words[1] >> 16 & 0xFF).\(words[1] >> 8 & 0xFF)"
        var lines = ["; SPIR-V \(version), \(words[3]) ids, \(words.count) words"]
        let names = names(in: words)
        forEachInstruction(of: words) { number, operands in
            guard let opcode = SPIRVOpcode(rawValue: number) else {
                let rest = operands.map { " \($0)" }.joined()
                return lines.append("Op\(number)\(rest)")
            }
            lines.append(line(opcode, operands, names))
        }
        return lines.joined(separator: "\n")
    }

    private static func forEachInstruction(of words: [UInt32], _ visit: (UInt16, ArraySlice<UInt32>) -> Void) {
        var place = 5
        while place < words.count {
            let count = max(Int(words[place] >> 16), 1)
            let end = min(place + count, words.count)
            visit(UInt16(truncatingIfNeeded: words[place]), words[place + 1..<end])
            place = end
        }
    }

    /// The ids' names, made different by their numbers where two have one.
    private static func names(in words: [UInt32]) -> [UInt32: String] {
        var names: [UInt32: String] = [:]
        var taken: Set<String> = []
        forEachInstruction(of: words) { number, operands in
            guard number == SPIRVOpcode.name.rawValue, let id = operands.first else { return }
            let name = string(operands.dropFirst()).text
            names[id] = taken.insert(name).inserted ? name : "\(name)_\(id)"
        }
        return names
    }

    private static func string(_ words: ArraySlice<UInt32>) -> (text: String, wordCount: Int) {
        var bytes: [UInt8] = []
        for (number, word) in words.enumerated() {
            for byte in 0..<4 {
                let value = UInt8(truncatingIfNeeded: word >> UInt32(8 * byte))
                if value == 0 { return (String(decoding: bytes, as: UTF8.self), number + 1) }
                bytes.append(value)
            }
        }
        return (String(decoding: bytes, as: UTF8.self), words.count)
    }

    private static func line(_ opcode: SPIRVOpcode, _ operands: ArraySlice<UInt32>, _ names: [UInt32: String]) -> String
    {
        let form = Array(forms[opcode] ?? "t=%")
        func id(_ word: UInt32) -> String { "%" + (names[word] ?? "\(word)") }
        func named<Kind: RawRepresentable<UInt32>>(_ kind: Kind.Type, _ word: UInt32) -> String {
            Kind(rawValue: word).map { "\($0)" } ?? "\(word)"
        }
        var rest = operands
        var result = ""
        var text = opcode.text
        var place = 0
        while let word = rest.popFirst() {
            switch form[min(place, form.count - 1)] {
            case "=": result = id(word)
            case "#": text += " \(word)"
            case "c": text += " " + named(SPIRV.Capability.self, word)
            case "s": text += " " + named(SPIRV.StorageClass.self, word)
            case "m": text += " " + named(SPIRV.ExecutionMode.self, word)
            case "f": text += " " + named(SPIRV.Function.self, word)
            case "d": text += " " + named(SPIRV.Decoration.self, word)
            case "\"":
                let (string, count) = string(operands[(rest.startIndex - 1)...])
                text += " \"\(string)\""
                rest = rest.dropFirst(count - 1)
            default: text += " " + id(word)
            }
            place += 1
        }
        return result.isEmpty ? "  " + text : "  \(result) = \(text)"
    }
}
