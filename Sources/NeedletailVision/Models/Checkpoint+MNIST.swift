import Needletail
import NeedletailTraining

extension Checkpoint {
    /// The model that ``model`` names, with these weights.
    ///
    /// - Parameter dtype: what the weights are converted to; nil is the dtype that they have.
    /// - Throws: `data` where there is no such model or the weights are another's.
    public func makeMNISTModel(
        path: String, device: DeviceID? = nil, dtype: DType? = nil
    ) throws(TensorError) -> Sequential {
        let made: Sequential
        if let kind = MNISTModel(rawValue: model) {
            made = kind.make(generator: Generator(seed: 0), device: device, dtype: dtype ?? self.dtype)
        } else if let preset = MNISTPreset(rawValue: model) {
            made = preset.makeModel(generator: Generator(seed: 0), device: device)
            made.to(dtype: dtype ?? self.dtype)
        } else {
            let known = MNISTModel.allCases.map(\.rawValue) + MNISTPreset.allCases.map(\.rawValue)
            throw TensorError(
                .data,
                "\(path): of model '\(model)', which is none of \(known.joined(separator: ", ")); name another file")
        }
        do {
            try made.load(stateDictionary: weights)
        } catch {
            throw TensorError(error.kind, "\(path): \(error.message)")
        }
        return made
    }
}
