/// Decimals with a fixed number of digits after the point, as whole numbers of the last digit: `0.80` with 2 digits is 80.
package enum FixedDecimal {
    /// The scaled number of a plain decimal literal; nil for more digits than declared, an exponent, or other text.
    package static func scaled(_ literal: String, digits: Int) -> Int? {
        let isNegative = literal.hasPrefix("-")
        let parts = literal.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let whole = parts.first, !whole.isEmpty, whole.count <= 9 else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard parts.count == 1 || !fraction.isEmpty, fraction.count <= digits,
            whole.utf8.allSatisfy(isDigit), fraction.utf8.allSatisfy(isDigit),
            let number = Int(whole + fraction + String(repeating: "0", count: digits - fraction.count))
        else { return nil }
        return isNegative ? -number : number
    }

    /// The literal of a scaled number with exactly `digits` digits after the point.
    package static func literal(_ scaled: Int, digits: Int) -> String {
        guard digits > 0 else { return String(scaled) }
        let text = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return "\(scaled < 0 ? "-" : "")\(padded.dropLast(digits)).\(padded.suffix(digits))"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
