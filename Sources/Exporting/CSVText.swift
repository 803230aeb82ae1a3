/// Rows of RFC 4180: fields in quotes where needed, quotes doubled, lines end with CR LF.
///
/// A spreadsheet would run a field that begins with `= + - @`, a tab or a carriage return as a formula: such a field gets a
/// leading apostrophe, and one that begins with an apostrophe gets a second one, so that nothing is lost.
package enum CSVText {
    private static let quote = UInt8(ascii: "\"")

    /// Adds one row.
    package static func append(row fields: [String?], to bytes: inout [UInt8]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            if let field { append(field: field, to: &bytes) }
        }
        bytes.append(0x0d)
        bytes.append(0x0a)
    }

    private static func append(field: String, to bytes: inout [UInt8]) {
        var field = field
        field.withUTF8 { text in
            var needsQuotes = false
            for byte in text where byte == quote || byte == 0x2c || byte == 0x0a || byte == 0x0d || byte == 0x09 {
                needsQuotes = true
                break
            }
            if needsQuotes { bytes.append(quote) }
            if let first = text.first, isDangerous(first) { bytes.append(UInt8(ascii: "'")) }
            if needsQuotes {
                for byte in text {
                    if byte == quote { bytes.append(quote) }
                    bytes.append(byte)
                }
                bytes.append(quote)
            } else {
                bytes.append(contentsOf: text)
            }
        }
    }

    private static func isDangerous(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0d, UInt8(ascii: "'"):
            true
        default: false
        }
    }
}
