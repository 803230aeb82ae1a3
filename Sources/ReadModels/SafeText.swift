/// Text of people and other systems made harmless for the place where it is shown.
package enum SafeText {
    /// One visible line: line breaks, control and direction characters appear as escapes, a backslash is doubled.
    ///
    /// Reversible: different texts give different lines. A terminal or a text file shows nothing but printable characters.
    package static func oneLine(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) { return text }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": line.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": line.append(contentsOf: "\\n".unicodeScalars)
            case "\r": line.append(contentsOf: "\\r".unicodeScalars)
            case "\t": line.append(contentsOf: "\\t".unicodeScalars)
            case _ where isHidden(scalar): line.append(contentsOf: "\\u{\(hex(scalar))}".unicodeScalars)
            default: line.append(scalar)
            }
        }
        return String(line)
    }

    /// One line of Markdown that renders as ``oneLine(_:)`` does: no heading, list, link, image, table, code or HTML comes of it.
    package static func markdown(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        let scalars = Array(oneLine(text).unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if needsEscape(scalar, at: index, in: scalars) { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }

    /// A line in double quotes as JSON writes it, every hidden character escaped: for log files.
    package static func quoted(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        result.append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": result.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            case _ where isHidden(scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result.append(
                        contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars
                    )
                }
            default: result.append(scalar)
            }
        }
        result.append("\"")
        return String(result)
    }

    /// Text within an element or a quoted attribute of HTML.
    package static func html(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            case "\n": result.append(scalar)
            case "\t": result.append(scalar)
            case _ where isHidden(scalar): result.append(contentsOf: "\\u{\(hex(scalar))}".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// Whether it is a control character, a line or paragraph separator, or turns the direction of text or hides.
    package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0xad, 0x061c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028...0x202e, 0x2060...0x206f: true
        case 0xfeff, 0xfff9...0xfffb, 0xe0000...0xe007f: true
        default: false
        }
    }

    private static func hex(_ scalar: Unicode.Scalar) -> String { String(scalar.value, radix: 16) }

    private static func needsEscape(_ scalar: Unicode.Scalar, at index: Int, in scalars: [Unicode.Scalar]) -> Bool {
        func isWord(_ index: Int) -> Bool {
            scalars.indices.contains(index) && scalars[index].properties.isAlphabetic
                || scalars.indices.contains(index) && scalars[index].properties.numericType != nil
        }
        switch scalar {
        case "\\", "`", "*", "[", "]", "<", "|", "~", "$": return true
        case "_": return !(isWord(index - 1) && isWord(index + 1))
        case "&": return scalars.indices.contains(index + 1) && (isWord(index + 1) || scalars[index + 1] == "#")
        case "#", "+", "-", ">", "=", ":": return index == 0
        case ".", ")": return index > 0 && scalars[..<index].allSatisfy { ("0"..."9").contains($0) }
        default: return false
        }
    }
}
