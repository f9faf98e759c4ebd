import Foundation

/// A number to a whole power, as in `1 - pow(beta, step)`.
///
/// Foundation takes two Doubles. In a formula of tensors, an Int for one of them would have the compiler try all overloads
/// of all operators, and give up.
@_disfavoredOverload
public func pow(_ base: Double, _ exponent: Int) -> Double { Foundation.pow(base, Double(exponent)) }
