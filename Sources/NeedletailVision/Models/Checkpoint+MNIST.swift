import Needletail
import NeedletailTraining

extension Checkpoint {
    /// The model that ``model`` names, with these weights.
    ///
    /// - Throws: `data` where there is no such model or the weights are another's.
    public func makeMNISTModel(path: String, device: DeviceID? = nil) throws(TensorError) -> Sequential {
        guard let kind = MNISTModel(rawValue: model) else {
            let known = MNISTModel.allCases.map(\.rawValue).joined(separator: ", ")
            throw TensorError(.data, "\(path): of model '\(model)', which is none of \(known); name another file")
        }
        let made = kind.make(generator: Generator(seed: 0), device: device)
        do {
            try made.load(stateDictionary: weights)
        } catch {
            throw TensorError(error.kind, "\(path): \(error.message)")
        }
        return made
    }
}
