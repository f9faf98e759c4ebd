// Users import Needletail alone. Of the contract they see what the lines of a program name: shapes, element types, devices
// and where they are registered, errors, scalars, settings, counters. The author of a backend imports TensorRuntime.
@_exported import class TensorRuntime.BackendRegistry
@_exported import enum TensorRuntime.DType
@_exported import struct TensorRuntime.DeviceDescription
@_exported import struct TensorRuntime.DeviceID
@_exported import struct TensorRuntime.ExecutionStatistics
@_exported import struct TensorRuntime.RuntimeConfiguration
@_exported import enum TensorRuntime.Scalar
@_exported import struct TensorRuntime.Shape
@_exported import struct TensorRuntime.TensorError
@_exported import protocol TensorRuntime.TensorScalar
