internal import Foundation

/// Random numbers that can be had again: the seed is printed once, and the environment variable `SEED` sets it.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// What this run's numbers follow from.
    public let seed: UInt64
    private var state: UInt64

    /// A generator for one test; without a seed it takes `SEED`, else one at random, and prints which.
    public init(seed: UInt64? = nil, for test: String = #function) {
        let named = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
        self.seed = seed ?? named ?? .random(in: 0 ... .max)
        state = self.seed
        if seed == nil { print("SEED=\(self.seed) repeats \(test)") }
    }

    /// The next 64 bits (SplitMix64).
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
