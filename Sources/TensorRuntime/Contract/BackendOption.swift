/// A setting that belongs to one backend: text, under a name of the backend's choosing.
///
/// A program sets it by ``RuntimeConfiguration/options``, a user by the environment: `NEEDLETAIL_<BACKEND>_<OPTION>` in
/// upper case, as in `NEEDLETAIL_CPU_THREADS`, or the option's further variables.
public struct BackendOption: Sendable {
    /// Lower case, words joined by hyphens: `threads`.
    public let name: String
    /// The name of the backend that reads it.
    public let backend: String
    /// Which values there are, for the message about another: `a whole number of 1 to 4096`.
    public let accepts: String
    /// The environment's variables for it. Of several that are set the first counts.
    public let variables: [String]
    private let isAccepted: @Sendable (String) -> Bool

    /// - Parameters:
    ///   - name: lower case, words joined by hyphens.
    ///   - variables: names beside `NEEDLETAIL_<BACKEND>_<OPTION>`.
    ///   - isAccepted: whether a text is a value. Where one is not, no device is opened.
    public init(
        _ name: String, of backend: String, accepts: String, variables: [String] = [],
        isAccepted: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.name = name
        self.backend = backend
        self.accepts = accepts
        self.variables = [BackendOption.prefix(of: backend) + BackendOption.variable(name)] + variables
        self.isAccepted = isAccepted
    }

    /// With what a backend's own variables begin.
    static func prefix(of backend: String) -> String { "NEEDLETAIL_\(variable(backend))_" }

    private static func variable(_ name: String) -> String {
        String(name.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }

    /// What is wrong with a value that was found at `place`; nil where nothing is.
    fileprivate func complaint(about value: String, at place: String) -> String? {
        isAccepted(value) ? nil : "\(place) is '\(value)', but must be \(accepts)"
    }
}

/// What a program and its environment tell backends.
public struct BackendOptions: Sendable {
    private var settings: [String: [String: String]] = [:]
    private let environment: [String: String]

    init(environment: [String: String] = [:]) { self.environment = environment }

    /// What the program sets for a backend, which counts before the environment: `options[backend: "cpu"]["threads"] = "4"`.
    /// An empty text means that the option is not set, whatever the environment says.
    public subscript(backend name: String) -> [String: String] {
        get { settings[name] ?? [:] }
        set { settings[name] = newValue }
    }

    /// The option's value: what the program sets, else what the environment does; nil where neither sets it.
    public subscript(option: BackendOption) -> String? {
        get {
            if let own = settings[option.backend]?[option.name] { return own.isEmpty ? nil : own }
            return found(option)?.value
        }
        set { settings[option.backend, default: [:]][option.name] = newValue ?? "" }
    }

    /// Who sets the option: the variable of the environment, or `the program`; nil where its default counts.
    public func origin(of option: BackendOption) -> String? {
        if let own = settings[option.backend]?[option.name] { return own.isEmpty ? nil : "the program" }
        return found(option)?.variable
    }

    private func found(_ option: BackendOption) -> (variable: String, value: String)? {
        for variable in option.variables {
            if let value = environment[variable], !value.isEmpty { return (variable, value) }
        }
        return nil
    }

    /// What `backends` do not accept, of the environment and of the program.
    func problems(of backends: [any Backend]) -> (environment: [String], program: [String]) {
        var result: (environment: [String], program: [String]) = ([], [])
        let known = Set(backends.flatMap { $0.acceptedOptions.flatMap(\.variables) })
        for backend in backends.sorted(by: { $0.name < $1.name }) {
            let options = backend.acceptedOptions
            let settings = self[backend: backend.name]
            for option in options {
                if let own = settings[option.name] {
                    let place = "\(backend.name)'s option '\(option.name)'"
                    if !own.isEmpty { result.program += option.complaint(about: own, at: place).map { [$0] } ?? [] }
                } else if let (variable, value) = found(option),
                    let complaint = option.complaint(about: value, at: variable)
                {
                    // A variable may set an option of several backends.
                    if !result.environment.contains(complaint) { result.environment.append(complaint) }
                }
            }
            func names(_ all: [String]) -> String {
                all.isEmpty ? "there are none" : "there are " + all.joined(separator: ", ")
            }
            for name in settings.keys.sorted() where !options.contains(where: { $0.name == name }) {
                result.program.append("\(backend.name) has no option '\(name)'; \(names(options.map(\.name)))")
            }
            let prefix = BackendOption.prefix(of: backend.name)
            for variable in environment.keys.sorted() where variable.hasPrefix(prefix) && !known.contains(variable) {
                result.environment.append(
                    "\(variable) sets no option of \(backend.name); \(names(options.map { $0.variables[0] }))")
            }
        }
        return result
    }
}
