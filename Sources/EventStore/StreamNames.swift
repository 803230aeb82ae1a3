internal import Glibc

/// Stream names that were found to belong to their keys, so that each is hashed once and not with each of its events.
struct StreamNames {
    private static let places = 1 << 14
    private static let room = 104

    private var keys = [IndexKey?](repeating: nil, count: places)
    /// For each place the length of a name and its bytes.
    private var names = [UInt8](repeating: 0, count: places * room)

    mutating func belongs(_ name: UnsafeRawBufferPointer, to key: IndexKey) -> Bool {
        let place = Int(truncatingIfNeeded: key.words.0) & (Self.places - 1)
        let start = place * Self.room
        guard name.count < Self.room, let source = name.baseAddress else { return false }
        return names.withUnsafeMutableBytes { names in
            guard let target = names.baseAddress else { return false }
            if keys[place] == key, Int(names[start]) == name.count, memcmp(target + start + 1, source, name.count) == 0
            {
                return true
            }
            guard IndexKey(streamNamed: name) == key else { return false }
            keys[place] = key
            names[start] = UInt8(name.count)
            memcpy(target + start + 1, source, name.count)
            return true
        }
    }
}
