extension JSONValue {
    /// The canonical bytes of this value: the one form in which Daybook stores it.
    ///
    /// A subset of RFC 8785: UTF-8, object keys in order of their UTF-16 units, shortest escapes, no `\/`, integers within
    /// +-(2^53 - 1), at most 16 levels deep. Throws ``JSONError`` for a ``JSONValue/decimal(_:)``, a greater integer or a
    /// deeper value. Texts that differ only in Unicode normalisation compare equal in Swift yet keep their own bytes.
    package func canonicalBytes() throws(JSONError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        try CanonicalWriter.append(self, to: &bytes, depth: 1)
        return bytes
    }

    /// The canonical bytes as text; throws as ``canonicalBytes()`` does.
    package func canonicalText() throws(JSONError) -> String {
        String(decoding: try canonicalBytes(), as: UTF8.self)
    }

    /// Readable text for people: canonical but indented by two spaces, and decimals as they were typed.
    ///
    /// Never hashed and never read back as truth, so any depth and any number may appear.
    package var prettyText: String {
        var bytes: [UInt8] = []
        CanonicalWriter.appendPretty(self, to: &bytes, indent: 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends a text as a canonical JSON string, quotes and shortest escapes included.
    ///
    /// For writers of a fixed shape that know their keys and need no value in between; never fails.
    package static func appendCanonical(_ text: String, to bytes: inout [UInt8]) {
        CanonicalWriter.appendString(text.utf8, to: &bytes)
    }

    /// Appends a text that stands as UTF-8 already; see ``appendCanonical(_:to:)-(String,_)``.
    package static func appendCanonical(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        // Most texts have nothing to escape and are copied as they stand.
        guard text.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) else {
            return CanonicalWriter.appendString(text, to: &bytes)
        }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text)
        bytes.append(UInt8(ascii: "\""))
    }
}

enum CanonicalWriter {
    static let maximumDepth = 16

    static func append(_ value: JSONValue, to bytes: inout [UInt8], depth: Int) throws(JSONError) {
        guard depth <= maximumDepth else { throw JSONError("nested deeper than \(maximumDepth) levels") }
        switch value {
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try append(element, to: &bytes, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, key) in sortedKeys(members).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                appendString(key.utf8, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                if let member = members[key] { try append(member, to: &bytes, depth: depth + 1) }
            }
            bytes.append(UInt8(ascii: "}"))
        case .integer(let number) where number.magnitude > UInt(JSONValue.greatestInteger):
            throw JSONError("integer \(number) is beyond 2^53 - 1; store it as a string")
        case .decimal(let literal):
            throw JSONError("number \(literal) has a fraction or exponent; store it as a string with fixed digits")
        default:
            appendScalar(value, to: &bytes)
        }
    }

    static func appendPretty(_ value: JSONValue, to bytes: inout [UInt8], indent: Int) {
        func newLine(_ depth: Int) {
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
        }
        switch value {
        case .array(let elements) where !elements.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                newLine(indent + 1)
                appendPretty(element, to: &bytes, indent: indent + 1)
            }
            newLine(indent)
            bytes.append(UInt8(ascii: "]"))
        case .object(let members) where !members.isEmpty:
            bytes.append(UInt8(ascii: "{"))
            for (index, key) in sortedKeys(members).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                newLine(indent + 1)
                appendString(key.utf8, to: &bytes)
                bytes.append(contentsOf: ": ".utf8)
                if let member = members[key] { appendPretty(member, to: &bytes, indent: indent + 1) }
            }
            newLine(indent)
            bytes.append(UInt8(ascii: "}"))
        case .array: bytes.append(contentsOf: "[]".utf8)
        case .object: bytes.append(contentsOf: "{}".utf8)
        default: appendScalar(value, to: &bytes)
        }
    }

    private static func appendScalar(_ value: JSONValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let truth): bytes.append(contentsOf: (truth ? "true" : "false").utf8)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .decimal(let literal): bytes.append(contentsOf: literal.utf8)
        case .string(let text): appendString(text.utf8, to: &bytes)
        case .array, .object: preconditionFailure("appendScalar is called with scalars only")
        }
    }

    /// RFC 8785 orders keys by UTF-16 units; for keys within ASCII that equals the order of the bytes.
    static func sortedKeys(_ members: [String: JSONValue]) -> [String] {
        members.keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
    }

    static func appendString(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: [0x5c, 0x22])
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [0x5c, 0x5c])
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case 0x0c: bytes.append(contentsOf: "\\f".utf8)
            case 0x0d: bytes.append(contentsOf: "\\r".utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
