internal import Glibc

/// The distinct words of a column as bytes in a row, found by their hash: a word that was seen costs no memory.
struct WordTable: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity = 1 << 16
    private var used = 0
    /// Where each word ends.
    private var ends: [Int] = []
    private var slots: UnsafeMutablePointer<Int32>
    private var mask = (1 << 10) - 1
    private var last: Int32 = -1
    /// What the owner notes of each word.
    var marks: [UInt8] = []

    /// The number of words.
    var count: Int { ends.count }

    init() {
        bytes = .allocate(capacity: capacity)
        slots = .allocate(capacity: mask + 1)
        slots.initialize(repeating: -1, count: mask + 1)
    }

    deinit {
        bytes.deallocate()
        slots.deallocate()
    }

    /// The bytes of a word; good until the next one is added.
    func word(_ code: Int) -> UnsafeBufferPointer<UInt8> {
        let start = code == 0 ? 0 : ends[code - 1]
        return UnsafeBufferPointer(start: bytes + start, count: ends[code] - start)
    }

    /// The code of a word, which becomes the next one where it is new; its mark is then 0.
    mutating func code(_ text: UnsafeBufferPointer<UInt8>) -> (code: Int32, isNew: Bool) {
        // Rows often come in the order of a key.
        if last >= 0, isWord(last, text) { return (last, false) }
        let hash = Self.hash(text)
        var slot = hash & mask
        while slots[slot] >= 0 {
            if isWord(slots[slot], text) {
                last = slots[slot]
                return (last, false)
            }
            slot = (slot + 1) & mask
        }
        last = Int32(ends.count)
        slots[slot] = last
        add(text)
        if ends.count * 2 > mask { grow() }
        return (last, true)
    }

    private func isWord(_ code: Int32, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let word = word(Int(code))
        guard word.count == text.count, let one = word.baseAddress, let other = text.baseAddress else {
            return word.count == text.count
        }
        return memcmp(one, other, word.count) == 0
    }

    private mutating func add(_ text: UnsafeBufferPointer<UInt8>) {
        if used + text.count > capacity {
            let wider = max(capacity * 2, used + text.count)
            let more = UnsafeMutablePointer<UInt8>.allocate(capacity: wider)
            more.update(from: bytes, count: used)
            bytes.deallocate()
            (bytes, capacity) = (more, wider)
        }
        if let base = text.baseAddress { (bytes + used).update(from: base, count: text.count) }
        used += text.count
        ends.append(used)
        marks.append(0)
    }

    private mutating func grow() {
        slots.deallocate()
        mask = mask * 2 + 1
        slots = .allocate(capacity: mask + 1)
        slots.initialize(repeating: -1, count: mask + 1)
        for code in ends.indices {
            var slot = Self.hash(word(code)) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(code)
        }
    }

    /// Eight bytes at a time, each folded in by a multiplication to 128 bits.
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(text.count)
        let raw = UnsafeRawBufferPointer(text)
        var place = 0
        func fold(_ part: UInt64) {
            let product = (state ^ part).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
            state = product.high ^ product.low
        }
        while place + 8 <= raw.count {
            fold(raw.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            place += 8
        }
        var rest: UInt64 = 0
        while place < raw.count {
            rest = rest << 8 | UInt64(raw[place])
            place += 1
        }
        fold(rest)
        return Int(truncatingIfNeeded: state >> 1)
    }
}
