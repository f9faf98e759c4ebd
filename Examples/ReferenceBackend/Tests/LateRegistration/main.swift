import Needletail
import ReferenceBackend

// Asks for the device that NEEDLETAIL_DEVICE names before its backend is there, and registers the backend then.
func sum() throws -> Int { try checked { try (Tensor([1, 2] as [Int]) + 1).sum().scalars(as: Int.self)[0] } }

print("before: \(DeviceSelection.probe().contains { $0.backend == "reference" })")
do { print("chosen: \(try DeviceSelection.current)") } catch { print(error) }
do { print("computed: \(try sum())") } catch { print(error) }
BackendRegistry.shared.register(ReferenceBackend())
print("after: \(try DeviceSelection.current) computed \(try sum())")
