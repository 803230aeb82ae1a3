/// The path and query of a request, decoded once and refused where decoding could hide something.
package struct RequestPath: Sendable, Equatable {
    /// The segments of the path, decoded; the path `/` has none.
    package let segments: [String]
    /// Names and values of the query in their order, decoded.
    package let query: [(name: String, value: String)]

    package static func == (left: Self, right: Self) -> Bool {
        left.segments == right.segments && left.query.elementsEqual(right.query, by: ==)
    }

    /// Reads a target, or throws a clause that says what is wrong with it.
    ///
    /// Refused: a segment that is empty, `.` or `..`, holds a slash, a backslash or a control character once decoded, is encoded
    /// twice over or is not UTF-8. A plus in a query is a plus.
    package init(_ target: String) throws(PathFault) {
        let parts = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.first == UInt8(ascii: "/") else {
            throw PathFault("the path does not start with a slash")
        }
        var segments: [String] = []
        for part in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let segment = try Self.decode(part)
            if segment.isEmpty, path.count == 1 { break }
            guard !segment.isEmpty, segment != ".", segment != ".." else {
                throw PathFault("the path has an empty segment, a `.` or a `..`")
            }
            guard segment.unicodeScalars.allSatisfy(Self.isPlain) else {
                throw PathFault("a segment of the path has a slash, a backslash, a percent sign or a control character")
            }
            segments.append(segment)
        }
        self.segments = segments
        var query: [(String, String)] = []
        if parts.count == 2, !parts[1].isEmpty {
            for pair in parts[1].split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
                let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                query.append((try Self.decode(sides[0]), sides.count == 2 ? try Self.decode(sides[1]) : ""))
            }
        }
        self.query = query
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && scalar.value != 0x7f && !(0x80...0x9f).contains(scalar.value)
            && scalar != "/" && scalar != "\\" && scalar != "%"
    }

    private static func decode(_ text: Substring.UTF8View) throws(PathFault) -> String {
        guard text.contains(UInt8(ascii: "%")) else { return String(decoding: text, as: UTF8.self) }
        var bytes: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw PathFault("a percent sign without two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw PathFault("percent-encoded bytes that are not UTF-8")
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// Why a target cannot be read, as a clause without a final stop.
package struct PathFault: Error, Equatable {
    /// The clause.
    package let message: String

    init(_ message: String) { self.message = message }
}
