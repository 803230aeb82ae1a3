package import PlantTables

/// Which columns of the parts say how alike two parts are, and as what each is taken.
package struct FeaturePlan: Sendable, Equatable {
    /// How a column becomes numbers.
    package enum Kind: String, Sendable, Codable {
        /// Scaled; on its logarithm where it is skewed.
        case number
        /// A slot for each word.
        case category
        /// Two slots, as a category of two words.
        case truth
        /// Hashed n-grams of characters.
        case text
    }

    /// One feature.
    package struct Feature: Sendable, Equatable, Codable {
        package let name: String
        package let kind: Kind

        package init(_ name: String, _ kind: Kind) { (self.name, self.kind) = (name, kind) }
    }

    /// A column that is no feature, and why.
    package struct LeftOut: Sendable, Equatable {
        package let name: String
        package let reason: String
    }

    package let features: [Feature]
    package let leftOut: [LeftOut]

    /// Columns that name or describe a part without making another part like it, or that nobody knows of a new part.
    private static let neverFeatures: Set<String> = [
        "ITEM_CD", "DRAWING_NO", "DRAWING_REV", "CUSTOMER_CD", "STD_PRICE", "REG_DT", "USE_YN", "REMARK",
    ]
    /// Columns of words that are read letter by letter.
    private static let freeTexts: Set<String> = ["ITEM_NM"]

    /// The plan that a table of parts gives by itself, in the order of the columns' names.
    ///
    /// A column without two different values tells nothing and is left out; text is left out where `textDimensions` is 0.
    package init(of parts: PlantTable, textDimensions: Int) {
        var features: [Feature] = []
        var leftOut: [LeftOut] = []
        for (name, column) in parts.columns.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        where !Self.neverFeatures.contains(name) {
            guard let kind = Self.kind(of: column, name) else {
                leftOut.append(LeftOut(name: name, reason: "moments are no attribute of a part"))
                continue
            }
            if !Self.varies(column) {
                leftOut.append(LeftOut(name: name, reason: "it has the same value in every part, or none"))
            } else if kind == .text, textDimensions == 0 {
                leftOut.append(LeftOut(name: name, reason: "embedding.text_dimensions is 0"))
            } else {
                features.append(Feature(name, kind))
            }
        }
        (self.features, self.leftOut) = (features, leftOut)
    }

    private static func kind(of column: PlantColumn, _ name: String) -> Kind? {
        switch column {
        case .texts: freeTexts.contains(name) ? .text : .category
        case .numbers: .number
        case .truths: .truth
        case .moments: nil
        }
    }

    private static func varies(_ column: PlantColumn) -> Bool {
        switch column {
        case .texts(let column): column.words.count > 1
        case .numbers(let values):
            values.lazy.filter { $0.isFinite }.first.map { first in values.contains { $0.isFinite && $0 != first } }
                ?? false
        case .truths(let values): values.contains(0) && values.contains(1)
        case .moments: false
        }
    }
}
