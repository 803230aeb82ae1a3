internal import Glibc

/// Numbers out of texts, exactly, without memory of their own.
enum NumberText {
    /// What was found.
    enum Found {
        /// A plain number.
        case plain(Double)
        /// A number within signs that people write: `1,250`, full-width digits, blanks around, `φ35`.
        case repaired(Double)
        /// Nothing but blanks.
        case blank
        /// Anything else.
        case none
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]

    /// Reads a text of UTF-8 as a number.
    static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Found {
        if let number = plain(bytes) { return .plain(number) }
        return repaired(bytes)
    }

    /// A number as programs write it: `-12`, `3.25`, `1e-7`; nil for anything else, and for what is not finite.
    static func plain(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
        var place = 0
        let end = bytes.count
        guard end > 0, end < 400 else { return nil }
        let isNegative = bytes[0] == 0x2d
        if isNegative || bytes[0] == 0x2b { place = 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var significant = 0
        var exponent = 0
        var hasPoint = false
        while place < end {
            let byte = bytes[place]
            if byte &- 0x30 <= 9 {
                digits += 1
                if mantissa != 0 || byte != 0x30 { significant += 1 }
                if significant <= 18 {
                    mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
                    if hasPoint { exponent -= 1 }
                }
            } else if byte == 0x2e, !hasPoint {
                hasPoint = true
            } else {
                break
            }
            place += 1
        }
        guard digits > 0 else { return nil }
        if place < end {
            guard let more = power(bytes, place) else { return nil }
            exponent += more
        }
        // Both are whole doubles, so that one rounding gives the nearest one.
        if significant <= 18, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
            let whole = Double(mantissa)
            let value = exponent < 0 ? whole / powers[-exponent] : whole * powers[exponent]
            return isNegative ? -value : value
        }
        return slow(bytes)
    }

    /// The exponent that stands from a place to the end; nil where something else does.
    private static func power(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        var place = start
        guard bytes[place] == 0x65 || bytes[place] == 0x45 else { return nil }
        place += 1
        guard place < bytes.count else { return nil }
        let isNegative = bytes[place] == 0x2d
        if isNegative || bytes[place] == 0x2b { place += 1 }
        guard place < bytes.count, bytes.count - place <= 4 else { return nil }
        var value = 0
        while place < bytes.count {
            guard bytes[place] &- 0x30 <= 9 else { return nil }
            value = value * 10 + Int(bytes[place] &- 0x30)
            place += 1
        }
        return isNegative ? -value : value
    }

    /// The C library's own reading, of a text whose form is known to be right.
    private static func slow(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { text in
            for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
            text[bytes.count] = 0
            guard let base = text.baseAddress else { return nil }
            let value = strtod(base, nil)
            return value.isFinite ? value : nil
        }
    }

    // MARK: - As people write

    /// The signs for a diameter before a number.
    private static let diameters: Set<Unicode.Scalar> = ["φ", "Φ", "ø", "Ø", "⌀", "ϕ", "∅"]

    private static func repaired(_ bytes: UnsafeBufferPointer<UInt8>) -> Found {
        guard bytes.count <= 200 else { return .none }
        var scalars: [Unicode.Scalar] = []
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            // Full-width forms of the signs of ASCII.
            case 0xff01...0xff5e: scalars.append(Unicode.Scalar(UInt8(scalar.value - 0xff01 + 0x21)))
            case 0x2212: scalars.append("-")
            default: scalars.append(scalar)
            }
        }
        var text = scalars[...]
        while let first = text.first, first.properties.isWhitespace { text.removeFirst() }
        while let last = text.last, last.properties.isWhitespace || last.value == 0 { text.removeLast() }
        guard let first = text.first else { return .blank }
        if diameters.contains(first) {
            text.removeFirst()
            while let first = text.first, first.properties.isWhitespace { text.removeFirst() }
        }
        guard let plainText = ungrouped(Array(text)) else { return .none }
        let value = plainText.withUnsafeBufferPointer { plain($0) }
        return value.map { .repaired($0) } ?? .none
    }

    /// The number's signs without the commas between groups of three digits; nil where they stand elsewhere, or for other signs.
    private static func ungrouped(_ scalars: [Unicode.Scalar]) -> [UInt8]? {
        guard scalars.allSatisfy(\.isASCII) else { return nil }
        let bytes = scalars.map { UInt8(truncatingIfNeeded: $0.value) }
        guard bytes.contains(0x2c) else { return bytes }
        let whole = bytes.prefix { $0 != 0x2e && $0 != 0x65 && $0 != 0x45 }
        let rest = bytes[whole.count...]
        guard !rest.contains(0x2c) else { return nil }
        let sign = whole.prefix { $0 == 0x2d || $0 == 0x2b }
        let groups = whole[sign.count...].split(separator: 0x2c, omittingEmptySubsequences: false)
        guard let first = groups.first, (1...3).contains(first.count), groups.dropFirst().allSatisfy({ $0.count == 3 })
        else { return nil }
        return sign + groups.flatMap { $0 } + rest
    }
}
