/// SPIR-V as text, an instruction a line, for what the emitter writes; other instructions as their numbers.
package enum SPIRVDisassembler {
    /// What the words of an instruction are. A result and its type stand before `=`; the last kind goes for all words that
    /// are left.
    private enum Operand {
        case type, result, id, number, text
        case capability, storage, decoration, mode, function
    }

    private static func operands(of opcode: SPIRVOpcode) -> [Operand] {
        switch opcode {
        case .capability: [.capability]
        case .extension: [.text]
        case .extInstImport: [.result, .text]
        case .memoryModel: [.number]
        case .entryPoint: [.number, .id, .text, .id]
        case .executionMode: [.id, .mode, .number]
        case .name: [.id, .text]
        case .memberName: [.id, .number, .text]
        case .decorate: [.id, .decoration, .number]
        case .memberDecorate: [.id, .number, .decoration, .number]
        case .typeVoid, .typeBool, .typeInt, .typeFloat: [.result, .number]
        case .typeVector: [.result, .id, .number]
        case .typePointer: [.result, .storage, .id]
        case .typeArray, .typeRuntimeArray, .typeStruct, .typeFunction, .label: [.result, .id]
        case .constant: [.type, .result, .number]
        case .variable: [.type, .result, .storage]
        case .function: [.type, .result, .number, .id]
        case .extInst: [.type, .result, .id, .function, .id]
        case .compositeExtract: [.type, .result, .id, .number]
        case .loopMerge: [.id, .id, .number]
        case .selectionMerge: [.id, .number]
        case .load: [.type, .result, .id, .number]
        case .store: [.id, .id, .number]
        case .controlBarrier, .branch, .branchConditional, .return, .functionEnd: [.id]
        case .groupNonUniformIAdd, .groupNonUniformFAdd, .groupNonUniformSMin, .groupNonUniformUMin,
            .groupNonUniformFMin, .groupNonUniformSMax, .groupNonUniformUMax, .groupNonUniformFMax:
            [.type, .result, .id, .number, .id]
        default: [.type, .result, .id]
        }
    }

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
        let kinds = self.operands(of: opcode)
        func id(_ word: UInt32) -> String { "%" + (names[word] ?? "\(word)") }
        var rest = operands
        var result = ""
        var text = opcode.text
        var kind = 0
        while let word = rest.popFirst() {
            switch kinds[min(kind, kinds.count - 1)] {
            case .type, .id: text += " " + id(word)
            case .result: result = id(word)
            case .number: text += " \(word)"
            case .capability: text += " " + (SPIRV.Capability(rawValue: word).map { "\($0)" } ?? "\(word)")
            case .storage: text += " " + (SPIRV.StorageClass(rawValue: word).map { "\($0)" } ?? "\(word)")
            case .mode: text += " " + (SPIRV.ExecutionMode(rawValue: word).map { "\($0)" } ?? "\(word)")
            case .function: text += " " + (SPIRV.Function(rawValue: word).map { "\($0)" } ?? "\(word)")
            case .decoration:
                text += " " + (SPIRV.Decoration(rawValue: word).map { "\($0)" } ?? "\(word)")
            case .text:
                let (string, count) = string(operands[(rest.startIndex - 1)...])
                text += " \"\(string)\""
                rest = rest.dropFirst(count - 1)
            }
            kind += 1
        }
        return result.isEmpty ? "  " + text : "  \(result) = \(text)"
    }
}
