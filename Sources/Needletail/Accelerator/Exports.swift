// Users import Needletail alone: shapes, element types, device names and errors come with it.
@_exported import TensorRuntime
