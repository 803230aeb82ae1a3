extension Sequence<UInt8> {
    /// The bytes as lower-case hexadecimal digits, two for each: the one form in which Daybook writes digests.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension [UInt8] {
    /// The bytes of an even number of hexadecimal digits in lower case; nil for any other text.
    package init?(hexadecimal text: some StringProtocol) {
        let digits = Array<UInt8>(text.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
        guard bytes.hexadecimal == String(text) else { return nil }
        self = bytes
    }
}
