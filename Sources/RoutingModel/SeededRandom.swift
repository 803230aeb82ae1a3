internal import Foundation

/// A stream of numbers that a seed decides: SplitMix64 (Steele, Lea and Flood, 2014).
///
/// Not for secrets.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(_ seed: UInt64) { state = seed }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, 1.
    package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number of the normal distribution with mean 0 and deviation 1 (Box and Muller, 1958).
    package mutating func normal() -> Double {
        let (radius, angle) = (1 - unit(), unit())
        return (-2 * log(radius)).squareRoot() * cos(2 * .pi * angle)
    }

    /// At most `count` of the elements, in their order, each as likely as any other.
    package mutating func sample<Element>(_ elements: [Element], _ count: Int) -> [Element] {
        guard elements.count > count else { return elements }
        var chosen: [Element] = []
        chosen.reserveCapacity(count)
        // Selection sampling (Knuth, volume 2, algorithm S).
        for (index, element) in elements.enumerated() {
            let (left, wanted) = (elements.count - index, count - chosen.count)
            guard wanted > 0 else { break }
            if Int(next() % UInt64(left)) < wanted { chosen.append(element) }
        }
        return chosen
    }
}
