/// Edit distances from one routing of at most 64 operations to others, all rows of the table at once in the bits of a word.
///
/// Myers, 1999, in the form of Hyyrö, 2003, for whole routings.
struct EditPattern {
    /// For each code the places of the routing that have it, as bits.
    private let places: UnsafeMutableBufferPointer<UInt64>
    static let longest = 64

    /// Does something with room for routings whose codes are at most `greatest`; others stand for operations that they lack.
    static func with<Value>(codesTo greatest: UInt16, _ body: (EditPattern) -> Value) -> Value {
        let room = Int(greatest) + 1
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: room) { places in
            places.initialize(repeating: 0)
            return body(EditPattern(places: places))
        }
    }

    /// The greatest code of a routing; `least` where it has none above.
    ///
    /// A plain loop: a chain of sequences costs more here than the distances.
    static func greatest(_ routing: [UInt16], _ least: UInt16 = 0) -> UInt16 {
        var greatest = least
        for code in routing where code > greatest { greatest = code }
        return greatest
    }

    /// The edits between a routing that is not empty and one other.
    func distance(_ routing: [UInt16], to other: [UInt16]) -> Int {
        take(routing)
        defer { forget(routing) }
        return distance(length: routing.count, to: other)
    }

    /// Takes a routing of 1 to 64 operations.
    func take(_ routing: [UInt16]) {
        for (place, code) in routing.enumerated() { places[Int(code)] |= 1 << UInt64(place) }
    }

    /// Makes room for the next one.
    func forget(_ routing: [UInt16]) { for code in routing { places[Int(code)] = 0 } }

    /// The edits between the routing that was taken last, of this length, and another.
    func distance(length: Int, to other: [UInt16]) -> Int {
        let last: UInt64 = 1 << UInt64(length - 1)
        var (more, less) = (UInt64.max, UInt64(0))
        var distance = length
        for code in other {
            let equal = Int(code) < places.count ? places[Int(code)] : 0
            let vertical = equal | less
            let horizontal = (((equal & more) &+ more) ^ more) | equal
            var up = less | ~(horizontal | more)
            var down = more & horizontal
            if up & last != 0 { distance += 1 }
            if down & last != 0 { distance -= 1 }
            up = up << 1 | 1
            down <<= 1
            more = down | ~(vertical | up)
            less = up & vertical
        }
        return distance
    }
}
