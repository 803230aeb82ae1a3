extension JSONReader {
    /// Checks that bytes are one canonical JSON object, and allocates nothing when they are plain.
    ///
    /// Throws exactly where ``canonical(_:)`` throws, and for canonical bytes that are no object. What this quick check
    /// cannot decide (keys beyond ASCII, errors) is left to ``canonical(_:)``, so that the rules stand in one place.
    package static func requireCanonicalObject(_ bytes: [UInt8]) throws(JSONError) {
        if bytes.withUnsafeBufferPointer({ isPlainlyCanonicalObject($0) }) { return }
        guard case .object = try canonical(bytes) else { throw JSONError("not an object", offset: 0) }
    }

    /// Whether one pass over bytes finds one canonical JSON object; a no means "ask ``canonical(_:)``".
    package static func isPlainlyCanonicalObject(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var check = CanonicalCheck(bytes: bytes)
        return check.isObject()
    }
}

/// One pass over bytes that says yes only to canonical JSON; a no means "ask the reader".
private struct CanonicalCheck {
    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0

    mutating func isObject() -> Bool {
        guard next == UInt8(ascii: "{") else { return false }
        return skipValue(depth: 1) && offset == bytes.count
    }

    /// The byte at the offset, or 0, which stands nowhere in canonical JSON, past the end.
    private var next: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skip(word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount where !skip(word.utf8Start[index]) { return false }
        return true
    }

    private mutating func skipValue(depth: Int) -> Bool {
        guard depth <= CanonicalWriter.maximumDepth else { return false }
        switch next {
        case UInt8(ascii: "{"): return skipObject(depth: depth)
        case UInt8(ascii: "["): return skipArray(depth: depth)
        case UInt8(ascii: "\""): return skipString() != nil
        case UInt8(ascii: "t"): return skip(word: "true")
        case UInt8(ascii: "f"): return skip(word: "false")
        case UInt8(ascii: "n"): return skip(word: "null")
        default: return skipInteger()
        }
    }

    private mutating func skipObject(depth: Int) -> Bool {
        offset += 1
        if skip(UInt8(ascii: "}")) { return true }
        var previous: Range<Int>?
        while true {
            guard next == UInt8(ascii: "\""), let key = skipString(), key.isPlain else { return false }
            if let previous, !precedes(previous, key.range) { return false }
            previous = key.range
            guard skip(UInt8(ascii: ":")), skipValue(depth: depth + 1) else { return false }
            if skip(UInt8(ascii: "}")) { return true }
            guard skip(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func skipArray(depth: Int) -> Bool {
        offset += 1
        if skip(UInt8(ascii: "]")) { return true }
        while true {
            guard skipValue(depth: depth + 1) else { return false }
            if skip(UInt8(ascii: "]")) { return true }
            guard skip(UInt8(ascii: ",")) else { return false }
        }
    }

    private func precedes(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        bytes[left].lexicographicallyPrecedes(bytes[right])
    }

    private mutating func skipInteger() -> Bool {
        let isNegative = skip(UInt8(ascii: "-"))
        let start = offset
        var number = 0
        while 0x30...0x39 ~= next, offset - start < 17 {
            number = number * 10 + Int(next - 0x30)
            offset += 1
        }
        let count = offset - start
        guard 1...16 ~= count, number <= JSONValue.greatestInteger else { return false }
        if bytes[start] == 0x30 { return count == 1 && !isNegative }
        return true
    }

    /// Passes over a string; nil unless it is canonical, and plain when it is ASCII without escapes.
    private mutating func skipString() -> (range: Range<Int>, isPlain: Bool)? {
        offset += 1
        let start = offset
        var isPlain = true
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return (start..<offset - 1, isPlain)
            case UInt8(ascii: "\\"):
                isPlain = false
                guard skipEscape() else { return nil }
            case 0..<0x20: return nil
            case 0x20..<0x80: offset += 1
            default:
                isPlain = false
                guard skipScalar(startingWith: byte) else { return nil }
            }
        }
        return nil
    }

    private mutating func skipEscape() -> Bool {
        offset += 1
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "b"), UInt8(ascii: "t"), UInt8(ascii: "n"),
            UInt8(ascii: "f"), UInt8(ascii: "r"):
            offset += 1
            return true
        default: return false
        }
    }

    /// Passes over one UTF-8 sequence of two to four bytes (Unicode, table 3-7).
    private mutating func skipScalar(startingWith lead: UInt8) -> Bool {
        let second: ClosedRange<UInt8>
        let count: Int
        switch lead {
        case 0xc2...0xdf: (second, count) = (0x80...0xbf, 2)
        case 0xe0: (second, count) = (0xa0...0xbf, 3)
        case 0xed: (second, count) = (0x80...0x9f, 3)
        case 0xe1...0xef: (second, count) = (0x80...0xbf, 3)
        case 0xf0: (second, count) = (0x90...0xbf, 4)
        case 0xf1...0xf3: (second, count) = (0x80...0xbf, 4)
        case 0xf4: (second, count) = (0x80...0x8f, 4)
        default: return false
        }
        guard offset + count <= bytes.count, second ~= bytes[offset + 1] else { return false }
        for index in 2..<max(count, 2) where !(0x80...0xbf ~= bytes[offset + index]) { return false }
        offset += count
        return true
    }
}
