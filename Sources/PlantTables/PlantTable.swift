/// A table of a plant's database as typed columns: what extraction gives, and what a model is made of.
///
/// Columns bear the internal names of the profile (`OUTER_DIA_MM`), not those of the source. All have ``rowCount`` values.
package struct PlantTable: Sendable, Equatable {
    /// The internal name, such as `ItemMaster`.
    package let name: String
    package let rowCount: Int
    /// The columns that the source has, by internal name; an optional one that it lacks is absent.
    package let columns: [String: PlantColumn]

    /// A table of columns that are equally long; anything else is a broken invariant.
    package init(_ name: String, rowCount: Int, columns: [String: PlantColumn]) {
        precondition(
            columns.values.allSatisfy { $0.count == rowCount },
            "every column of \(name) has \(rowCount) values"
        )
        (self.name, self.rowCount, self.columns) = (name, rowCount, columns)
    }

    /// The texts of a column; nil where the column is absent or of another type.
    package func texts(_ name: String) -> TextColumn? {
        guard case .texts(let column)? = columns[name] else { return nil }
        return column
    }

    /// The numbers of a column, NaN where missing; nil where the column is absent or of another type.
    package func numbers(_ name: String) -> [Double]? {
        guard case .numbers(let column)? = columns[name] else { return nil }
        return column
    }

    /// The moments of a column, ``PlantColumn/noMoment`` where missing; nil where the column is absent or of another type.
    package func moments(_ name: String) -> [Int64]? {
        guard case .moments(let column)? = columns[name] else { return nil }
        return column
    }

    /// The truths of a column: 0, 1, or -1 where missing; nil where the column is absent or of another type.
    package func truths(_ name: String) -> [Int8]? {
        guard case .truths(let column)? = columns[name] else { return nil }
        return column
    }
}

/// One column of one type.
package enum PlantColumn: Sendable, Equatable {
    case texts(TextColumn)
    /// NaN where missing; equality takes the bits.
    case numbers([Double])
    /// Microseconds since 1970 as the plant's wall clock shows them, without a zone; ``noMoment`` where missing.
    case moments([Int64])
    /// 0, 1, or -1 where missing.
    case truths([Int8])

    /// Stands for a moment that is missing.
    package static let noMoment = Int64.min

    /// The number of values.
    package var count: Int {
        switch self {
        case .texts(let column): column.codes.count
        case .numbers(let values): values.count
        case .moments(let values): values.count
        case .truths(let values): values.count
        }
    }

    package static func == (left: PlantColumn, right: PlantColumn) -> Bool {
        switch (left, right) {
        case (.texts(let left), .texts(let right)): left == right
        case (.numbers(let left), .numbers(let right)):
            left.elementsEqual(right) { $0.bitPattern == $1.bitPattern }
        case (.moments(let left), .moments(let right)): left == right
        case (.truths(let left), .truths(let right)): left == right
        default: false
        }
    }
}

/// A column of texts as codes into its distinct words, so that a row costs four bytes.
package struct TextColumn: Sendable, Equatable {
    /// Stands for a text that is missing.
    package static let missing: Int32 = -1

    /// The distinct words, in the order of their first row.
    package private(set) var words: [String] = []
    /// Each row's place in ``words``, or ``missing``.
    package private(set) var codes: [Int32] = []
    private var places: [String: Int32] = [:]

    /// A column without rows.
    package init() {}

    /// A column of these texts.
    package init(_ texts: some Sequence<String?>) {
        for text in texts { append(text) }
    }

    /// A column of codes into words; nil where a code has no word or a word stands twice.
    package init?(words: [String], codes: [Int32]) {
        let places = Dictionary(
            words.enumerated().map { ($1, Int32($0)) },
            uniquingKeysWith: { first, _ in first }
        )
        guard places.count == words.count, codes.allSatisfy({ $0 >= Self.missing && $0 < words.count }) else {
            return nil
        }
        (self.words, self.codes, self.places) = (words, codes, places)
    }

    /// Adds a row.
    package mutating func append(_ text: String?) {
        codes.append(text.map { code(adding: $0) } ?? Self.missing)
    }

    /// The code of a word, which becomes one of ``words`` where it is none yet.
    package mutating func code(adding word: String) -> Int32 {
        if let code = places[word] { return code }
        let code = Int32(words.count)
        places[word] = code
        words.append(word)
        return code
    }

    /// Adds rows by their codes; a code without a word is a broken invariant.
    package mutating func append(codes more: [Int32]) {
        precondition(
            more.allSatisfy { $0 >= Self.missing && $0 < words.count },
            "every code of a row has a word"
        )
        codes += more
    }

    /// The text of a row; nil where it is missing.
    package subscript(row: Int) -> String? { codes[row] < 0 ? nil : words[Int(codes[row])] }

    /// The code of a word; nil for a word that no row has.
    package func code(of word: String) -> Int32? { places[word] }
}
