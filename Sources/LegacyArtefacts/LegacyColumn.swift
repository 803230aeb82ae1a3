/// What an encoder does with one column of a row.
package struct LegacyColumn: Equatable, Sendable {
    /// The values that it knows; nil where it computes with numbers.
    let categories: LegacyStep.Categories?

    /// The first of several spellings of one value that is a known category; the first of all where none is, or where there are none.
    package func known(_ spellings: [LegacyCell]) -> LegacyCell {
        precondition(!spellings.isEmpty, "a value has a spelling")
        guard let categories else { return spellings[0] }
        return spellings.first { categories.place(of: $0) != nil } ?? spellings[0]
    }
}

extension LegacyEncoder {
    /// What becomes of each of ``inputs``.
    package var columns: [LegacyColumn] {
        inputs.indices.map { LegacyColumn(categories: step.categories(of: $0)) }
    }
}

extension LegacyStep {
    /// The categories that the value of a column is looked up in first; nil where it is in none.
    fileprivate func categories(of column: Int) -> Categories? {
        switch self {
        case .standardScaler, .passthrough, .simpleImputer: return nil
        case .oneHotEncoder(let encoder):
            return encoder.categories.indices.contains(column) ? encoder.categories[column] : nil
        case .ordinalEncoder(let encoder):
            return encoder.categories.indices.contains(column) ? encoder.categories[column] : nil
        case .labelEncoder(let classes): return classes
        case .pipeline(let steps):
            var column = column
            for step in steps {
                if let found = step.categories(of: column) { return found }
                guard case .simpleImputer(let imputer) = step else { continue }
                guard imputer.fill.indices.contains(column), imputer.fill[column] != nil else { return nil }
                column = imputer.fill[..<column].count { $0 != nil }
            }
            return nil
        case .columns(let parts):
            for part in parts {
                guard let place = part.places.firstIndex(of: column) else { continue }
                if let found = part.step?.categories(of: place) { return found }
            }
            return nil
        }
    }
}
