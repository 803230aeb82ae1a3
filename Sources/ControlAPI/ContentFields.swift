internal import CanonicalJSON
internal import Foundation
internal import Serving

/// Which bytes of a file a request carries: `Content-Range: bytes first-last/total`, or all of them by Content-Length.
struct ContentRange: Sendable {
    let first: Int
    let count: Int
    let total: Int

    /// Throws a problem for anything that does not say where the bytes begin and how many there are in all.
    init(_ call: Call) throws(Problem) {
        guard let text = call.headers["content-range"] else {
            guard let count = call.headers["content-length"].flatMap({ Int($0) }), count >= 0 else {
                throw Self.problem(
                    "The request says neither by Content-Range nor by Content-Length how many bytes come."
                )
            }
            (first, self.count, total) = (0, count, count)
            return
        }
        guard let match = text.wholeMatch(of: /bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})/),
            let first = Int(match.output.1),
            let last = Int(match.output.2), let total = Int(match.output.3), first <= last, last < total
        else { throw Self.problem("Content-Range is not `bytes first-last/total`.") }
        (self.first, count, self.total) = (first, last - first + 1, total)
        if let length = call.headers["content-length"].flatMap({ Int($0) }), length != count {
            throw Self.problem("Content-Range tells of \(count) bytes, and Content-Length of \(length).")
        }
    }

    private static func problem(_ detail: String) -> Problem {
        Problem(
            ControlProblems.invalid,
            detail,
            facts: ["rule": "upload.range", "field": "content-range"],
            hint: "for example Content-Range: bytes 0-1048575/4194304"
        )
    }
}

/// `sha-256` of a digest field of RFC 9530, in hexadecimal.
enum DigestField {
    /// nil where the field was not sent; throws a problem for one that cannot be checked.
    static func sha256(_ name: String, of call: Call) throws(Problem) -> String? {
        guard let text = call.headers[name] else { return nil }
        for member in text.split(separator: ",") {
            let parts = member.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            guard parts.count == 2, parts[0] == "sha-256" else { continue }
            let value = parts[1].dropFirst().dropLast()
            guard parts[1].hasPrefix(":"), parts[1].hasSuffix(":"), let bytes = Data(base64Encoded: String(value)),
                bytes.count == 32
            else { break }
            return bytes.hexadecimal
        }
        throw Problem(
            ControlProblems.invalid,
            "\(name) holds no SHA-256 that can be read.",
            facts: ["rule": "upload.digest", "field": .string(name)],
            hint: "sha-256=:…: with the base64 of 32 bytes, as RFC 9530 has it"
        )
    }

    /// The field's value for a digest in hexadecimal.
    static func text(_ sha256: String) -> String {
        let digits = Array(sha256.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
        }
        return "sha-256=:\(Data(bytes).base64EncodedString()):"
    }
}

/// The part of a file that `Range` asks for.
enum AskedRange: Equatable {
    case whole
    case part(Range<Int>)
    case outside

    /// One range of bytes; anything else that the field may hold asks for the whole (RFC 9110, 14.2).
    init(_ field: String?, size: Int) {
        guard let field, let match = field.wholeMatch(of: /bytes=(\d{0,15})-(\d{0,15})/) else {
            self = .whole
            return
        }
        switch (Int(match.output.1), Int(match.output.2)) {
        case (nil, nil): self = .whole
        case (nil, let last?): self = last == 0 || size == 0 ? .outside : .part(max(0, size - last)..<size)
        case (let first?, let last?) where last < first: self = .whole
        case (let first?, let last): self = first < size ? .part(first..<min(size, (last ?? size - 1) + 1)) : .outside
        }
    }
}
