internal import CanonicalJSON

/// One thing that somebody asks about.
package enum AskedPart: Sendable, Equatable {
    /// A part that the model has, by the plant's code.
    case item(String)
    /// A part by its attributes: the text of a JSON object, and where it begins in the body.
    case features([UInt8], offset: Int)
    /// A place in the model's space, as numbers.
    case vector([Float])
}

/// The body of a request for similar parts or for proposals.
package struct Asked: Sendable, Equatable {
    package var parts: [AskedPart] = []
    package var neighbours: Int?
    package var efSearch: Int?
    package var expansions: Int?

    package init() {}

    /// Parts at once, at most.
    package static let mostParts = 1_000
    /// Neighbours of a part, at most.
    package static let mostNeighbours = 1_000
    /// Neighbours of all parts together, at most: some 9 MB of answer.
    package static let mostNeighboursInAll = 200_000
    /// Bytes of the features of one part, at most.
    package static let mostFeatureBytes = 64 << 10

    /// Reads a body.
    ///
    /// Strict JSON, in one pass; numbers of a vector are read where they stand. Throws ``AskedFault`` that names the place.
    package init(_ bytes: [UInt8]) throws(AskedFault) {
        let read = bytes.withUnsafeBufferPointer { bytes -> Result<Asked, AskedFault> in
            var reader = AskedReader(bytes)
            do throws(AskedFault) { return .success(try reader.read()) } catch { return .failure(error) }
        }
        self = try read.get()
    }
}

/// What is wrong with a body.
package struct AskedFault: Error, Sendable, Equatable {
    /// Whether it is no JSON at all; else it is JSON of another shape or beyond a limit.
    package let isSyntax: Bool
    /// A clause without a final stop.
    package let message: String
    /// Where in the body, in bytes.
    package let offset: Int

    package init(isSyntax: Bool = false, _ message: String, offset: Int) {
        (self.isSyntax, self.message, self.offset) = (isSyntax, message, offset)
    }
}

/// Reads the one shape that is asked with.
private struct AskedReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func read() throws(AskedFault) -> Asked {
        var asked = Asked()
        var seen: Set<String> = []
        try members { reader, name throws(AskedFault) in
            guard seen.insert(name).inserted else { throw reader.wrong("has \(name) twice") }
            switch name {
            case "parts": asked.parts = try reader.parts()
            case "neighbours": asked.neighbours = try reader.integer(name, 1...Asked.mostNeighbours)
            case "ef_search": asked.efSearch = try reader.integer(name, 1...65_535)
            case "expansions": asked.expansions = try reader.integer(name, 0...100)
            default:
                throw reader.wrong(
                    "has a member \(name.prefix(60)), and knows parts, neighbours, ef_search and expansions"
                )
            }
        }
        guard at == bytes.count else { throw syntax("has bytes after its end") }
        guard seen.contains("parts") else { throw wrong("has no parts") }
        guard asked.parts.count * (asked.neighbours ?? 0) <= Asked.mostNeighboursInAll else {
            throw wrong("asks for more than \(Asked.mostNeighboursInAll) neighbours in all")
        }
        return asked
    }

    private mutating func parts() throws(AskedFault) -> [AskedPart] {
        var parts: [AskedPart] = []
        try elements { reader throws(AskedFault) in
            guard parts.count < Asked.mostParts else {
                throw reader.wrong("asks for more than \(Asked.mostParts) parts at once")
            }
            parts.append(try reader.part(parts.count))
        }
        guard !parts.isEmpty else { throw wrong("asks for no part") }
        return parts
    }

    private mutating func part(_ place: Int) throws(AskedFault) -> AskedPart {
        var part: AskedPart?
        try members { reader, name throws(AskedFault) in
            guard part == nil else { throw reader.wrong("says twice what part \(place + 1) is") }
            switch name {
            case "item":
                guard reader.next == UInt8(ascii: "\"") else {
                    throw reader.unexpected("the code of part \(place + 1)")
                }
                part = .item(try reader.text())
            case "features":
                reader.skipSpace()
                let offset = reader.at
                part = .features(try reader.document(of: place), offset: offset)
            case "vector": part = .vector(try reader.numbers())
            default:
                throw reader.wrong("gives part \(place + 1) as \(name.prefix(60)), not as item, features or vector")
            }
        }
        guard let part else { throw wrong("does not say what part \(place + 1) is: item, features or vector") }
        return part
    }

    // MARK: - Shapes

    /// Walks the members of an object; the closure reads the value.
    private mutating func members(
        _ take: (inout AskedReader, String) throws(AskedFault) -> Void
    ) throws(AskedFault) {
        try open(UInt8(ascii: "{"), "an object")
        if closes(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            let name = try text()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw syntax("lacks a colon") }
            at += 1
            skipSpace()
            try take(&self, name)
            if try ends(UInt8(ascii: "}")) { return }
        }
    }

    private mutating func elements(_ take: (inout AskedReader) throws(AskedFault) -> Void) throws(AskedFault) {
        try open(UInt8(ascii: "["), "a list")
        if closes(UInt8(ascii: "]")) { return }
        while true {
            skipSpace()
            try take(&self)
            if try ends(UInt8(ascii: "]")) { return }
        }
    }

    private mutating func numbers() throws(AskedFault) -> [Float] {
        var numbers: [Float] = []
        numbers.reserveCapacity(128)
        try elements { reader throws(AskedFault) in
            guard numbers.count < 1 << 16 else { throw reader.wrong("has a vector of more than \(1 << 16) numbers") }
            let number = Float(try reader.number("a number of a vector"))
            guard number.isFinite else { throw reader.wrong("has a number that no vector can hold") }
            numbers.append(number)
        }
        return numbers
    }

    private mutating func integer(_ name: String, _ range: ClosedRange<Int>) throws(AskedFault) -> Int {
        let value = try number(name)
        guard let whole = Int(exactly: value), range.contains(whole) else {
            throw wrong("has \(name) outside of \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    /// A text; plain ones are taken as they stand.
    private mutating func text() throws(AskedFault) -> String {
        guard next == UInt8(ascii: "\"") else { throw syntax("lacks a text") }
        let start = at
        at += 1
        var isPlain = true
        while let byte = next, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { at += 1 }
            if byte == UInt8(ascii: "\\") || byte < 0x20 || byte >= 0x80 { isPlain = false }
            at += 1
        }
        guard at < bytes.count else { throw syntax("ends within a text") }
        at += 1
        if isPlain { return String(decoding: bytes[(start + 1)..<(at - 1)], as: UTF8.self) }
        return try value(start..<at).text ?? ""
    }

    /// The bytes of an object of attributes, whose inside is read only where nobody has read the same before.
    private mutating func document(of place: Int) throws(AskedFault) -> [UInt8] {
        guard next == UInt8(ascii: "{") else { throw unexpected("the object of features of part \(place + 1)") }
        let start = at
        var depth = 0
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                _ = try text()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 {
                    at += 1
                    guard at - start <= Asked.mostFeatureBytes else {
                        throw wrong("has a part with features of more than \(Asked.mostFeatureBytes) bytes")
                    }
                    return Array(bytes[start..<at])
                }
            default: break
            }
            at += 1
        }
        throw syntax("ends within the features of a part")
    }

    private func value(_ range: Range<Int>) throws(AskedFault) -> JSONValue {
        do throws(JSONError) { return try JSONReader.plain(bytes[range]) } catch {
            let place = range.lowerBound + (error.offset ?? 0)
            throw AskedFault(isSyntax: true, "is no JSON: \(error.message)", offset: place)
        }
    }

    // MARK: - Numbers

    private static let powers: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }

    /// A number of JSON.
    ///
    /// Up to 15 digits and powers of ten up to 22 are exact in a Double and one operation rounds once (Clinger, 1990); any other
    /// takes the library's way.
    private mutating func number(_ name: String) throws(AskedFault) -> Double {
        guard next == UInt8(ascii: "-") || digit != nil else { throw unexpected(name) }
        let start = at
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { at += 1 }
        var (digits, whole, exponent) = (0, UInt64(0), 0)
        let first = at
        while let digit { whole = whole &* 10 &+ UInt64(digit); (digits, at) = (digits + 1, at + 1) }
        guard digits > 0, digits == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw syntax("has no number where one is expected")
        }
        if next == UInt8(ascii: ".") {
            at += 1
            let point = at
            while let digit { whole = whole &* 10 &+ UInt64(digit); (digits, at) = (digits + 1, at + 1) }
            guard at > point else { throw syntax("has a number without digits after its point") }
            exponent = point - at
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            at += 1
            let isDown = next == UInt8(ascii: "-")
            if isDown || next == UInt8(ascii: "+") { at += 1 }
            let begin = at
            var power = 0
            while let digit { power = min(power * 10 + Int(digit), 10_000); at += 1 }
            guard at > begin else { throw syntax("has a number without digits in its exponent") }
            exponent += isDown ? -power : power
        }
        if digits <= 15, abs(exponent) <= 22 {
            let value = exponent < 0 ? Double(whole) / Self.powers[-exponent] : Double(whole) * Self.powers[exponent]
            return isNegative ? -value : value
        }
        return Double(String(decoding: bytes[start..<at], as: UTF8.self)) ?? .nan
    }

    private var digit: UInt8? {
        guard let byte = next, byte >= 0x30, byte <= 0x39 else { return nil }
        return byte - 0x30
    }

    // MARK: - Bytes

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    private mutating func open(_ byte: UInt8, _ name: String) throws(AskedFault) {
        skipSpace()
        guard next == byte else { throw unexpected(name) }
        at += 1
    }

    private mutating func closes(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        at += 1
        skipSpace()
        return true
    }

    /// Whether the list or object ends here; steps over the comma otherwise.
    private mutating func ends(_ byte: UInt8) throws(AskedFault) -> Bool {
        if closes(byte) { return true }
        guard next == UInt8(ascii: ",") else { throw syntax("lacks a comma or an end") }
        at += 1
        return false
    }

    /// What stands where something else is expected: JSON of another shape, or none.
    private func unexpected(_ name: String) -> AskedFault {
        guard let next else { return syntax("ends where \(name) is expected") }
        let isValue = "{[\"-0123456789tfn".utf8.contains(next)
        return isValue ? wrong("has something else where \(name) is expected") : syntax("lacks \(name)")
    }

    private func syntax(_ message: String) -> AskedFault {
        AskedFault(isSyntax: true, message, offset: min(at, bytes.count))
    }

    private func wrong(_ message: String) -> AskedFault { AskedFault(message, offset: at) }
}
