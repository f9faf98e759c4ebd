import TensorRuntime

extension Accelerator {
    /// Random numbers of the accelerator.
    ///
    /// A ``Generator`` counts, and every device draws the same numbers from it: there is one for all devices,
    /// ``Generator/current``, and these functions are its. They do the same without an accelerator.
    public enum Random {
        /// The seed that the generator began with.
        public static var initialSeed: UInt64 { Generator.current.state.key }

        /// Seeds the generator with a number that cannot be foretold, and gives it.
        @discardableResult
        public static func seed() -> UInt64 {
            let seed = UInt64.random(in: .min ... .max)
            manualSeed(seed)
            return seed
        }

        /// Seeds the generator, and so all devices.
        public static func manualSeed(_ seed: UInt64) { Generator.current.seed(seed) }

        /// Where the generator is.
        public static var state: Generator.State { Generator.current.state }

        /// Repeats what was drawn from a state on.
        public static func setState(_ state: Generator.State) { Generator.current.state = state }

        /// The state of every accelerator; empty where there is none. All are the same.
        public static var states: [DeviceID: Generator.State] {
            let state = state
            return Dictionary(uniqueKeysWithValues: devices.map { ($0.id, state) })
        }

        /// Restores the state of every accelerator; nothing where `states` is empty.
        ///
        /// - Throws: `invalidArgument` where they are not the same, which one generator cannot be.
        public static func setStates(_ states: [DeviceID: Generator.State]) throws(TensorError) {
            let different = Set(states.values)
            guard different.count < 2 else {
                throw TensorError(
                    .invalidArgument,
                    "setStates: \(different.count) different states, and one generator serves all devices; use one state"
                )
            }
            if let state = different.first { setState(state) }
        }
    }
}
