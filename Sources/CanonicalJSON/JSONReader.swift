/// Reads JSON from bytes: strictly canonical for what is stored, plain for what people send.
///
/// Both refuse duplicate keys, invalid UTF-8, lone surrogates, trailing bytes and more than 16 levels, and both run in
/// time linear in the input: hostile input costs no more than its length.
package enum JSONReader {
    /// The value of canonical bytes; throws ``JSONError`` if re-writing the value would give other bytes.
    package static func canonical(_ bytes: some Collection<UInt8>) throws(JSONError) -> JSONValue {
        // Arrays are compared as memory; any other collection element by element, through its witness tables.
        let bytes = Array(bytes)
        let value = try plain(bytes)
        let written = try value.canonicalBytes()
        guard written == bytes else {
            let offset = zip(written, bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            throw JSONError("not in canonical form", offset: offset ?? written.count)
        }
        return value
    }

    /// The value of any valid JSON text; numbers with a fraction or an exponent become ``JSONValue/decimal(_:)``.
    package static func plain(_ bytes: some Collection<UInt8>) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: Array(bytes))
        return try parser.parseDocument()
    }

    /// The value of any valid JSON text; see ``plain(_:)-(Collection<UInt8>)``.
    package static func plain(_ text: String) throws(JSONError) -> JSONValue { try plain(Array(text.utf8)) }
}

private struct JSONParser {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        skipSpace()
        let value = try parseValue(depth: 1)
        skipSpace()
        guard offset == bytes.count else { throw JSONError("unexpected bytes after the value", offset: offset) }
        return value
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { offset += 1 }
    }

    private mutating func expect(_ literal: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<literal.utf8CodeUnitCount {
            guard next == literal.utf8Start[index] else { throw JSONError("not a JSON value", offset: offset) }
            offset += 1
        }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= CanonicalWriter.maximumDepth else {
            throw JSONError("nested deeper than \(CanonicalWriter.maximumDepth) levels", offset: offset)
        }
        switch next {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try expect("true", .bool(true))
        case UInt8(ascii: "f"): return try expect("false", .bool(false))
        case UInt8(ascii: "n"): return try expect("null", .null)
        case .some(let byte) where byte == UInt8(ascii: "-") || isDigit(byte): return try parseNumber()
        case nil: throw JSONError("the text ends where a value is expected", offset: offset)
        default: throw JSONError("not a JSON value", offset: offset)
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        offset += 1
        skipSpace()
        if next == UInt8(ascii: "}") {
            offset += 1
            return .object(members)
        }
        while true {
            skipSpace()
            let start = offset
            guard next == UInt8(ascii: "\"") else { throw JSONError("expected a key in quotes", offset: offset) }
            let key = try parseString()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw JSONError("expected ':' after a key", offset: offset) }
            offset += 1
            skipSpace()
            let value = try parseValue(depth: depth + 1)
            guard members.updateValue(value, forKey: key) == nil else {
                throw JSONError("duplicate key \"\(key)\"", offset: start)
            }
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"):
                offset += 1
                return .object(members)
            default: throw JSONError("expected ',' or '}'", offset: offset)
            }
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        offset += 1
        skipSpace()
        if next == UInt8(ascii: "]") {
            offset += 1
            return .array(elements)
        }
        while true {
            skipSpace()
            elements.append(try parseValue(depth: depth + 1))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"):
                offset += 1
                return .array(elements)
            default: throw JSONError("expected ',' or ']'", offset: offset)
            }
        }
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private mutating func skipDigits() throws(JSONError) {
        guard isDigit(next) else { throw JSONError("expected a digit", offset: offset) }
        while isDigit(next) { offset += 1 }
    }

    private mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = offset
        if next == UInt8(ascii: "-") { offset += 1 }
        if next == UInt8(ascii: "0") {
            offset += 1
            guard !isDigit(next) else { throw JSONError("a number starts with a needless zero", offset: start) }
        } else {
            try skipDigits()
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            try skipDigits()
        }
        let literal = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard isInteger else { return .decimal(literal) }
        guard literal != "-0", let number = Int(literal), number.magnitude <= UInt(JSONValue.greatestInteger) else {
            throw JSONError("integer \(literal.prefix(40)) is not within +-(2^53 - 1)", offset: start)
        }
        return .integer(number)
    }

    private func string(of text: some Collection<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw JSONError("a string is not valid UTF-8", offset: start)
        }
        return string
    }

    private mutating func parseString() throws(JSONError) -> String {
        let start = offset
        offset += 1
        // Up to its first escape a string is what stands there: most have none.
        while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { offset += 1 }
        if next == UInt8(ascii: "\"") {
            defer { offset += 1 }
            return try string(of: bytes[(start + 1)..<offset], at: start)
        }
        var text = Array(bytes[(start + 1)..<offset])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return try string(of: text, at: start)
            case UInt8(ascii: "\\"):
                offset += 1
                try parseEscape(into: &text)
            case 0..<0x20:
                throw JSONError("a control character in a string must be escaped", offset: offset)
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw JSONError("a string does not end", offset: start)
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
        let place = offset - 1
        guard let byte = next else { throw JSONError("a string does not end", offset: place) }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "u"):
            var code = try parseHex(place)
            if 0xd800..<0xdc00 ~= code, next == UInt8(ascii: "\\") {
                offset += 1
                guard next == UInt8(ascii: "u") else { throw JSONError("a lone surrogate", offset: place) }
                offset += 1
                let low = try parseHex(place)
                guard 0xdc00..<0xe000 ~= low else { throw JSONError("a lone surrogate", offset: place) }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw JSONError("a lone surrogate", offset: place) }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw JSONError("an unknown escape", offset: place)
        }
    }

    private mutating func parseHex(_ place: Int) throws(JSONError) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw JSONError("a string does not end", offset: place) }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[offset]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw JSONError("expected four hexadecimal digits", offset: offset)
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
