package import Foundation

/// Makes UUIDv7 identifiers, each greater than the last whatever the clock does.
package struct EventIdentifierMaker: Sendable {
    private var last: (high: UInt64, low: UInt64)
    private var state: UInt64

    /// Continues after an identifier (all zero for none); a seed makes the sequence repeatable.
    package init(after identifier: UUID, seed: UInt64 = .random(in: 0 ... .max)) {
        last = Self.words(identifier)
        state = seed
    }

    /// The next identifier: from the time, or from the last one when the time has not moved on by a millisecond.
    package mutating func next(at instant: Microseconds) -> UUID {
        let fresh = UInt64(max(0, instant / 1000)) << 16
        if fresh > last.high | 0xffff {
            // The top bit of rand_a stays free, so that a millisecond has room for 2^73 successors.
            let random = nextRandom()
            last = (fresh | 0x7000 | random >> 53, 1 << 63 | nextRandom() >> 2)
        } else {
            let low = (last.low & Self.lowMask) + 1 + nextRandom() >> 32
            var high = last.high
            if low > Self.lowMask {
                // A full rand_a carries into the milliseconds: order matters more than the exact time.
                high = high & 0xfff == 0xfff ? (high >> 16 + 1) << 16 | 0x7000 : high + 1
            }
            last = (high, 1 << 63 | low & Self.lowMask)
        }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: last.high)
        bytes.append(bigEndian: last.low)
        guard let identifier = UUID(bytes: bytes) else { preconditionFailure("two words make a UUID") }
        return identifier
    }

    private static let lowMask: UInt64 = 1 << 62 - 1

    /// SplitMix64: the identifiers need no secrecy, only to differ between logs.
    private mutating func nextRandom() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    private static func words(_ identifier: UUID) -> (UInt64, UInt64) {
        withUnsafeBytes(of: identifier.uuid) { ($0.bigEndian(at: 0), $0.bigEndian(at: 8)) }
    }
}
