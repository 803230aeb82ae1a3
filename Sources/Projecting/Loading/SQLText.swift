internal import GRDBSQLite

/// The statements of a SQL file with the lines they begin on, cut where SQLite itself cuts.
enum SQLText {
    /// A word of SQL outside strings, quoted names and comments.
    struct Word: Equatable {
        let text: String
        /// Whether an opening parenthesis follows, as after a function's name.
        let isCall: Bool
    }

    /// The words of a statement in capitals.
    static func words(of sql: String) -> [Word] {
        let bytes = Array(sql.utf8)
        var words: [Word] = []
        var place = 0
        while place < bytes.count {
            if let end = endOfSkipped(bytes, place) {
                place = end
            } else if isWordByte(bytes[place]) {
                let start = place
                while place < bytes.count, isWordByte(bytes[place]) { place += 1 }
                var after = place
                while after < bytes.count, isSpace(bytes[after]) { after += 1 }
                let isCall = after < bytes.count && bytes[after] == UInt8(ascii: "(")
                words.append(
                    Word(text: String(decoding: bytes[start..<place], as: UTF8.self).uppercased(), isCall: isCall)
                )
            } else {
                place += 1
            }
        }
        return words
    }

    /// The offset of the first byte that is neither space nor comment.
    static func startOfStatement(_ bytes: ArraySlice<UInt8>) -> Int {
        var place = bytes.startIndex
        while place < bytes.endIndex {
            if isSpace(bytes[place]) || bytes[place] == UInt8(ascii: ";") {
                place += 1
            } else if let end = endOfComment(bytes, place) {
                place = end
            } else {
                return place
            }
        }
        return place
    }

    /// The line, from 1, of an offset.
    static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes[..<min(offset, bytes.count)].count { $0 == UInt8(ascii: "\n") }
    }

    private static func endOfSkipped(_ bytes: [UInt8], _ place: Int) -> Int? {
        if let end = endOfComment(bytes[...], place) { return end }
        let close: UInt8
        switch bytes[place] {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): close = bytes[place]
        case UInt8(ascii: "["): close = UInt8(ascii: "]")
        default: return nil
        }
        var end = place + 1
        while end < bytes.count, bytes[end] != close { end += 1 }
        return min(end + 1, bytes.count)
    }

    private static func endOfComment(_ bytes: ArraySlice<UInt8>, _ place: Int) -> Int? {
        guard place + 1 < bytes.endIndex else { return nil }
        if bytes[place] == UInt8(ascii: "-"), bytes[place + 1] == UInt8(ascii: "-") {
            return bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        }
        guard bytes[place] == UInt8(ascii: "/"), bytes[place + 1] == UInt8(ascii: "*") else { return nil }
        var end = place + 2
        while end + 1 < bytes.endIndex, !(bytes[end] == UInt8(ascii: "*") && bytes[end + 1] == UInt8(ascii: "/")) {
            end += 1
        }
        return min(end + 2, bytes.endIndex)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0d ~= byte }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }
}

/// Finds the known name that a misspelled one most likely means.
enum NearestName {
    /// The nearest of `known` by edits, or nil if none is near enough to be meant.
    static func of(_ name: String, in known: some Collection<String>) -> String? {
        let nearest = known.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
            .min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let nearest, nearest.1 <= max(2, name.utf8.count / 2) else { return nil }
        return nearest.0
    }

    /// The number of bytes to insert, delete or replace (Levenshtein).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
