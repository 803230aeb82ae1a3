/// A value found in canonical JSON: a number, or bytes that stay where they are.
struct FieldSlot {
    enum Kind: UInt8 { case absent, null, integer, truth, text, document }

    var kind = Kind.absent
    var count: Int32 = 0
    var start: UnsafePointer<UInt8>?
    var number: Int64 = 0

    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: Int(count)) }
}

/// Bytes of an event that are not canonical JSON of known fields.
struct ScanError: Error, CustomStringConvertible {
    let description: String
}

/// Walks the members of one flat canonical JSON object without building values.
///
/// Keys and names are both sorted by bytes, so one pass over each finds every field. Texts without escapes are taken
/// where they stand; others are unescaped into a buffer that the caller lends and keeps.
struct FlatScanner {
    private var next: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    /// Where the next unescaped text goes; the caller gives at least as many bytes as the object has.
    private(set) var free: UnsafeMutablePointer<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>, unescapeInto free: UnsafeMutablePointer<UInt8>) throws(ScanError) {
        guard let start = bytes.baseAddress, bytes.count >= 2 else { throw ScanError(description: "no JSON object") }
        next = start
        end = start + bytes.count
        self.free = free
    }

    /// Fills the slot of each name found; a key without a name is an error unless `ignoresUnknown`.
    mutating func scan(
        names: [[UInt8]],
        isDocument: [Bool],
        into slots: UnsafeMutablePointer<FieldSlot>,
        ignoresUnknown: Bool
    ) throws(ScanError) {
        try expect(UInt8(ascii: "{"))
        if peek == UInt8(ascii: "}") { return }
        var name = 0
        while true {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            while name < names.count, Self.order(names[name], key) < 0 { name += 1 }
            if name < names.count, Self.order(names[name], key) == 0 {
                slots[name] = try value(isDocument: isDocument[name])
                name += 1
            } else if ignoresUnknown {
                _ = try value(isDocument: true)
            } else {
                let words = String(decoding: key.buffer, as: UTF8.self)
                throw ScanError(description: "the payload has a field \"\(words)\" that this program does not know")
            }
            guard peek == UInt8(ascii: ",") else { return try expect(UInt8(ascii: "}")) }
            next += 1
        }
    }

    private var peek: UInt8 { next < end ? next.pointee : 0 }

    private mutating func expect(_ byte: UInt8) throws(ScanError) {
        guard peek == byte else { throw ScanError(description: "the JSON is not canonical") }
        next += 1
    }

    private static func order(_ name: [UInt8], _ key: FieldSlot) -> Int {
        let count = min(name.count, Int(key.count))
        for index in 0..<count {
            let left = name[index]
            let right = key.buffer[index]
            if left != right { return left < right ? -1 : 1 }
        }
        return name.count - Int(key.count)
    }

    private mutating func value(isDocument: Bool) throws(ScanError) -> FieldSlot {
        if isDocument {
            let start = next
            try skip()
            return FieldSlot(kind: .document, count: Int32(next - start), start: start)
        }
        switch peek {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "t"):
            next += 4
            return FieldSlot(kind: .truth, number: 1)
        case UInt8(ascii: "f"):
            next += 5
            return FieldSlot(kind: .truth, number: 0)
        case UInt8(ascii: "n"):
            next += 4
            return FieldSlot(kind: .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try integer()
        default: throw ScanError(description: "a field is not flat")
        }
    }

    private mutating func integer() throws(ScanError) -> FieldSlot {
        let isNegative = peek == UInt8(ascii: "-")
        if isNegative { next += 1 }
        var number: Int64 = 0
        while UInt8(ascii: "0")...UInt8(ascii: "9") ~= peek {
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(peek - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw ScanError(description: "an integer is too great") }
            number = sum
            next += 1
        }
        return FieldSlot(kind: .integer, number: isNegative ? -number : number)
    }

    private mutating func string() throws(ScanError) -> FieldSlot {
        try expect(UInt8(ascii: "\""))
        let start = next
        while next < end {
            switch next.pointee {
            case UInt8(ascii: "\""):
                next += 1
                return FieldSlot(kind: .text, count: Int32(next - start - 1), start: start)
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            default: next += 1
            }
        }
        throw ScanError(description: "a text does not end")
    }

    private mutating func escapedString(from start: UnsafePointer<UInt8>) throws(ScanError) -> FieldSlot {
        let result = free
        free.update(from: start, count: next - start)
        free += next - start
        while next < end {
            let byte = next.pointee
            next += 1
            if byte == UInt8(ascii: "\"") {
                return FieldSlot(kind: .text, count: Int32(free - result), start: UnsafePointer(result))
            }
            free.pointee = byte == UInt8(ascii: "\\") ? try escape() : byte
            free += 1
        }
        throw ScanError(description: "a text does not end")
    }

    /// Canonical JSON escapes the quote, the backslash and the control characters, nothing else.
    private mutating func escape() throws(ScanError) -> UInt8 {
        let byte = peek
        next += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "f"): return 0x0c
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "u") where end - next >= 4:
            var code: UInt8 = 0
            for index in 2..<4 {
                let digit = next[index]
                code = code << 4 | (digit >= UInt8(ascii: "a") ? digit - UInt8(ascii: "a") + 10 : digit & 15)
            }
            next += 4
            return code
        default: throw ScanError(description: "an escape is not canonical")
        }
    }

    /// Passes over one value of any kind.
    private mutating func skip() throws(ScanError) {
        var depth = 0
        repeat {
            guard next < end else { throw ScanError(description: "the JSON does not end") }
            switch next.pointee {
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                next += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                next += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"): next += 1
            default:
                while next < end, !Self.endsScalar(next.pointee) { next += 1 }
            }
        } while depth > 0
    }

    private mutating func skipString() throws(ScanError) {
        next += 1
        while next < end {
            let byte = next.pointee
            next += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte == UInt8(ascii: "\\") { next += 1 }
        }
        throw ScanError(description: "a text does not end")
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
    }
}
