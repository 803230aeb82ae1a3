/// Why bytes on the wire are no request: the problem's code and a clause for people.
package struct WireRefusal: Error, Equatable {
    /// The code of ``ProblemCatalogue``.
    package let code: String
    /// What is wrong, as a clause without a final stop; never holds bytes of the request.
    package let detail: String

    /// A refusal for a problem of the catalogue.
    package init(_ code: String, _ detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// How the end of a body is found.
package enum WireFraming: Equatable, Sendable {
    case none
    case length(Int)
    case chunked
}

/// The head of an HTTP/1.1 request, read by the letter of RFC 9112 and by nothing more lenient.
///
/// What two readers could understand in two ways is refused, not repaired: that is what request smuggling lives on.
package struct WireHead: Equatable, Sendable {
    /// The method as sent: upper-case letters, at most 16.
    package let method: String
    /// Path and query, starting with a slash.
    package let target: String
    /// The length of the body, or how it is cut into chunks.
    package let framing: WireFraming
    /// Whether the client waits for `100 Continue` before it sends its body.
    package let expectsContinue: Bool

    /// Reads a head from its first byte to the end of its empty line.
    package static func read(_ bytes: some RandomAccessCollection<UInt8>, limits: Limits) throws(WireRefusal)
        -> WireHead
    {
        let lines = bytes.dropLast(4).split(separator: 0x0a, omittingEmptySubsequences: false)
        guard let first = lines.first else { throw WireRefusal("http.syntax", "an empty request") }
        let line = first.last == 0x0d ? first.dropLast() : first
        let (method, target, isOld) = try requestLine(line, limits: limits)
        guard lines.count - 1 <= limits.headFields else {
            throw WireRefusal("http.fields", "more than \(limits.headFields) header fields")
        }
        var fields = WireFields()
        for line in lines.dropFirst() { try fields.add(line.last == 0x0d ? line.dropLast() : line) }
        let framing = try fields.framing(isOld: isOld)
        return WireHead(method: method, target: target, framing: framing, expectsContinue: fields.expectsContinue)
    }

    private static func requestLine(
        _ line: some BidirectionalCollection<UInt8>,
        limits: Limits
    ) throws(WireRefusal) -> (String, String, Bool) {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw WireRefusal("http.syntax", "the request line is not `METHOD /target HTTP/1.1`")
        }
        let (method, target, version) = (parts[0], parts[1], parts[2])
        guard (1...16).contains(method.count), method.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            throw WireRefusal("http.syntax", "the method is not a word of upper-case letters")
        }
        guard target.count <= limits.targetBytes else {
            throw WireRefusal("http.target", "a target of more than \(limits.targetBytes) bytes")
        }
        guard target.first == UInt8(ascii: "/"), target.allSatisfy(isTargetByte) else {
            throw WireRefusal("http.syntax", "the target is not a path with percent-encoded characters")
        }
        let isOld = version.elementsEqual("HTTP/1.0".utf8)
        guard isOld || version.elementsEqual("HTTP/1.1".utf8) else {
            throw WireRefusal("http.syntax", "the version is neither HTTP/1.1 nor HTTP/1.0")
        }
        return (String(decoding: method, as: UTF8.self), String(decoding: target, as: UTF8.self), isOld)
    }

    private static func isTargetByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "-._~!$&'()*+,;=:@/?%[]".utf8.contains(byte)
        }
    }
}

/// The fields that decide where a body ends, gathered while each line is checked.
private struct WireFields {
    private var lengths: [Int] = []
    private var codings: [[UInt8]] = []
    private var hosts = 0
    private(set) var expectsContinue = false

    mutating func add(_ line: some BidirectionalCollection<UInt8>) throws(WireRefusal) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
            throw WireRefusal("http.syntax", "a header field without a name")
        }
        let name = line[..<colon]
        // Covers the space before a colon and the folded line: neither is a character of a name.
        guard name.allSatisfy(Self.isTokenByte) else {
            throw WireRefusal("http.syntax", "a header field's name has a character that no name has")
        }
        let value = line[line.index(after: colon)...].trimming { $0 == 0x20 || $0 == 0x09 }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
            throw WireRefusal("http.syntax", "a header field's value has a control character")
        }
        // Most fields decide nothing here, and their length says so.
        guard [4, 6, 14, 17].contains(name.count) else { return }
        switch String(decoding: name, as: UTF8.self).lowercased() {
        case "content-length":
            guard (1...18).contains(value.count), value.allSatisfy({ (0x30...0x39).contains($0) }),
                let length = Int(String(decoding: value, as: UTF8.self))
            else { throw WireRefusal("http.framing", "a Content-Length that is not a plain number") }
            lengths.append(length)
        case "transfer-encoding": codings.append(value.map { $0 | 0x20 })
        case "host":
            hosts += 1
            guard !value.isEmpty, value.allSatisfy(Self.isHostByte) else {
                throw WireRefusal("http.syntax", "the Host field is not a host name")
            }
        case "expect":
            guard String(decoding: value, as: UTF8.self).lowercased() == "100-continue" else {
                throw WireRefusal("http.syntax", "an Expect field other than 100-continue")
            }
            expectsContinue = true
        default: break
        }
    }

    func framing(isOld: Bool) throws(WireRefusal) -> WireFraming {
        guard hosts == 1 || isOld && hosts == 0 else {
            throw WireRefusal("http.syntax", "\(hosts) Host fields instead of one")
        }
        guard lengths.isEmpty || codings.isEmpty else {
            throw WireRefusal("http.framing", "both Content-Length and Transfer-Encoding")
        }
        guard lengths.count <= 1 else { throw WireRefusal("http.framing", "more than one Content-Length") }
        guard !codings.isEmpty else { return lengths.first.map { $0 == 0 ? .none : .length($0) } ?? .none }
        guard !isOld, codings.count == 1, codings[0].elementsEqual("chunked".utf8) else {
            throw WireRefusal("http.framing", "a Transfer-Encoding other than one `chunked`")
        }
        return .chunked
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "-._:[]".utf8.contains(byte)
        }
    }
}

extension BidirectionalCollection {
    fileprivate func trimming(_ isSpace: (Element) -> Bool) -> SubSequence {
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
