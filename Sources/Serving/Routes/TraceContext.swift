/// Which trace a request belongs to, as W3C Trace Context has it.
///
/// A `traceparent` that is not by the letter is ignored, as the standard asks, and a trace begins here. The answer tells in
/// `traceresponse` the trace, and the request's own part in it. `tracestate` is of no use here and not read.
struct TraceContext: Sendable, Equatable {
    /// 32 hexadecimal digits.
    let traceID: String
    /// This request's part: 16 hexadecimal digits.
    let spanID: String
    /// Whether the caller records the trace.
    let isSampled: Bool

    /// The trace that the fields name; where none or more than one is there, one that is made of the request's identifier.
    ///
    /// The identifier is a random UUID.
    init(_ fields: some Sequence<String>, requestID: String) {
        let digits = String(decoding: requestID.utf8.filter { $0 != UInt8(ascii: "-") }, as: UTF8.self)
        let own = Self.isHexadecimal(digits.utf8) && digits.utf8.count == 32 ? digits : Self.random()
        spanID = String(own.suffix(16))
        var iterator = fields.makeIterator()
        if let field = iterator.next(), iterator.next() == nil, let (trace, sampled) = Self.parse(field) {
            (traceID, isSampled) = (trace, sampled)
        } else {
            (traceID, isSampled) = (own, false)
        }
    }

    /// The field of the answer.
    var response: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// The trace of a `traceparent`, and whether it is recorded; nil for anything that is not by the letter.
    ///
    /// Of a later version the first four parts count, if they are as in the first.
    static func parse(_ field: String) -> (trace: String, isSampled: Bool)? {
        let bytes = Array(field.utf8)
        guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }) else { return nil }
        let (version, trace, parent, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard [version, trace, parent, flags].allSatisfy(isHexadecimal), !version.elementsEqual("ff".utf8),
            !isZero(trace), !isZero(parent)
        else { return nil }
        if version.elementsEqual("00".utf8) {
            guard bytes.count == 55 else { return nil }
        } else if bytes.count > 55 {
            guard bytes[55] == UInt8(ascii: "-") else { return nil }
        }
        guard let number = UInt8(String(decoding: flags, as: UTF8.self), radix: 16) else { return nil }
        return (String(decoding: trace, as: UTF8.self), number & 1 == 1)
    }

    private static func isHexadecimal(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
        }
    }

    private static func isZero(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy { $0 == UInt8(ascii: "0") } }

    private static func random() -> String {
        (0..<2).map { _ in
            let text = String(UInt64.random(in: 1...UInt64.max), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }
}
