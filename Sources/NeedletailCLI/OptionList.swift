import Needletail
import TensorRuntime

/// The backends' options, as they are set.
enum OptionList {
    struct Row {
        let option: BackendOption
        /// Nil where the default counts.
        let value: String?
        /// Who set it.
        let origin: String?

        var event: JSONValue {
            [
                "event": "option", "backend": .string(option.backend), "option": .string(option.name),
                "value": value.map(JSONValue.string) ?? .null, "set_by": origin.map(JSONValue.string) ?? .null,
                "accepts": .string(option.accepts), "variables": .array(option.variables.map(JSONValue.string)),
            ]
        }
    }

    /// The options of one backend.
    static func rows(_ probe: DeviceSelection.Probe) -> [Row] {
        let options = RuntimeConfiguration.current.options
        return probe.options.map { Row(option: $0, value: options[$0], origin: options.origin(of: $0)) }
    }

    /// A line an option, its columns aligned.
    static func table(_ rows: [Row]) -> [String] {
        let cells = rows.map { row in
            let names = row.option.variables
            let setter = row.origin ?? names.last ?? ""
            return ["\(row.option.backend) \(row.option.name)", row.value ?? "-", setter, row.option.accepts]
        }
        return TextTable.lines([["OPTION", "VALUE", "VARIABLE", "ACCEPTS"]] + cells).map { "  " + $0 }
    }
}
