package import CanonicalJSON

/// Something that is not right with the values of a column, counted, with the first places.
package struct ExtractionIssue: Sendable, Equatable {
    /// The kinds of issues.
    package enum Kind: String, Sendable, CaseIterable {
        /// No value where the profile wants one.
        case missing
        /// A text of blanks only, where another row has none at all; it is missing.
        case blank
        /// Blanks around a text were dropped.
        case trimmed
        /// The driver cut the text; what came is kept.
        case truncated
        /// Signs came as `??`, which the driver does not know.
        case lostSigns
        /// The bytes are no UTF-8; what cannot be read stands as U+FFFD.
        case badText
        /// A number was read out of a text such as `1,250` or `φ35`.
        case repairedNumber
        /// The text is no number; it is missing.
        case badNumber
        /// The text is no moment, or a day that no calendar has; it is missing.
        case badMoment
        /// The text is neither yes nor no; it is missing.
        case badTruth
        /// The number is outside what the profile says is possible; it is missing.
        case outOfRange
        /// More rows came than the source counted.
        case moreRows
        /// The driver wrote to standard error.
        case driverWords

        /// The issue as a person reads it.
        package var words: String {
            switch self {
            case .missing: "no value"
            case .blank: "blank, taken as no value"
            case .trimmed: "blanks around the text dropped"
            case .truncated: "cut by the driver"
            case .lostSigns: "signs lost by the driver (`??`)"
            case .badText: "bytes that are no text"
            case .repairedNumber: "number read out of a text"
            case .badNumber: "no number, taken as no value"
            case .badMoment: "no date, taken as no value"
            case .badTruth: "neither yes nor no, taken as no value"
            case .outOfRange: "outside the range, taken as no value"
            case .moreRows: "more rows than the source counted"
            case .driverWords: "the driver wrote warnings"
            }
        }
    }

    /// One of the first rows.
    package struct Place: Sendable, Equatable {
        /// The row, from 1, in the order in which the source gave them.
        package let row: Int
        /// The value's first signs, where it could not be read; nil where nothing is to be seen.
        package let text: String?

        package init(row: Int, text: String?) { (self.row, self.text) = (row, text) }
    }

    /// Internal names; no column for an issue of the table, no table for one of the source.
    package let table: String?
    package let column: String?
    package let kind: Kind
    package let count: Int
    package let places: [Place]

    /// How many, what, and one of the places, on one line.
    ///
    /// Follows from the source's rows alone.
    package var told: String {
        let place = places.first.map { place in
            let text = place.text.map { ": \($0.split { $0.isWhitespace || $0.isNewline }.joined(separator: " "))" }
            return " (row \(place.row)\(text ?? ""))"
        }
        return "\(count) x \(kind.words)\(place ?? "")"
    }

    /// The issue as JSON.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(kind.rawValue), "count": .integer(count),
            "places": .array(
                places.map { ["row": .integer($0.row), "text": $0.text.map { .string($0) } ?? .null] }
            ),
        ]
        members["table"] = table.map { .string($0) }
        members["column"] = column.map { .string($0) }
        return .object(members)
    }

    init(table: String?, column: String?, kind: Kind, count: Int, places: [Place]) {
        (self.table, self.column, self.kind, self.count, self.places) = (table, column, kind, count, places)
    }

    /// The issue that ``json`` wrote; nil for anything else.
    package init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.text.flatMap(Kind.init), let count = json["count"]?.number else { return nil }
        self.init(
            table: json["table"]?.text,
            column: json["column"]?.text,
            kind: kind,
            count: count,
            places: (json["places"]?.elements ?? []).map {
                Place(row: $0["row"]?.number ?? 0, text: $0["text"]?.text)
            }
        )
    }
}

/// Counts the issues of one column.
struct IssueCounts {
    private static let kept = 5
    private var counts = [Int](repeating: 0, count: ExtractionIssue.Kind.allCases.count)
    private var places = [[ExtractionIssue.Place]](repeating: [], count: ExtractionIssue.Kind.allCases.count)

    /// Adds one row's.
    mutating func add(_ kind: ExtractionIssue.Kind, row: Int, _ text: UnsafeBufferPointer<UInt8>? = nil) {
        guard let index = ExtractionIssue.Kind.allCases.firstIndex(of: kind) else { return }
        counts[index] += 1
        guard counts[index] <= Self.kept else { return }
        let shown = text.map { String(String(decoding: $0.prefix(200), as: UTF8.self).prefix(40)) }
        places[index].append(ExtractionIssue.Place(row: row, text: shown))
    }

    /// The issues in the order of their kinds.
    func issues(table: String, column: String) -> [ExtractionIssue] {
        ExtractionIssue.Kind.allCases.indices.compactMap { index in
            counts[index] == 0
                ? nil
                : ExtractionIssue(
                    table: table,
                    column: column,
                    kind: ExtractionIssue.Kind.allCases[index],
                    count: counts[index],
                    places: places[index]
                )
        }
    }
}
