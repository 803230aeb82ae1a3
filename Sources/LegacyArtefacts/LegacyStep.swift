/// One step of an encoder as plain numbers and texts, which computes what scikit-learn computes.
package indirect enum LegacyStep: Equatable, Sendable {
    case standardScaler(Scaler)
    case simpleImputer(Imputer)
    case oneHotEncoder(OneHot)
    case ordinalEncoder(Ordinal)
    case labelEncoder(Categories)
    case pipeline([LegacyStep])
    case columns([Part])
    case passthrough

    /// `(x - mean) / scale`, either of which may be left out.
    package struct Scaler: Equatable, Sendable {
        let width: Int
        let mean: [Double]?
        let scale: [Double]?
    }

    /// What stands in for missing values, one a column; a column without is left out.
    package struct Imputer: Equatable, Sendable {
        let missing: LegacyCell
        let fill: [LegacyCell?]
        let takesNumbers: Bool
    }

    /// Distinct values in their order, and where each stands.
    package struct Categories: Equatable, Sendable {
        let values: [LegacyCell]
        let places: [LegacyCell: Int]
        /// Whether they came as numbers, so that `None` among values means NaN.
        let areNumbers: Bool

        init(_ values: [LegacyCell], areNumbers: Bool) {
            (self.values, self.areNumbers) = (values, areNumbers)
            places = Dictionary(values.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }

        func place(of cell: LegacyCell) -> Int? { places[areNumbers && cell == .none ? .number(.nan) : cell] }
    }

    /// One slot for each category of each column.
    package struct OneHot: Equatable, Sendable {
        let categories: [Categories]
        /// The place of the category of each column that gets no slot.
        let dropped: [Int?]
        /// An unknown value gives zeros; else it is refused.
        let ignoresUnknown: Bool
    }

    /// The place of its category for each column.
    package struct Ordinal: Equatable, Sendable {
        let categories: [Categories]
        /// The number of an unknown value; nil where one is refused.
        let unknown: LegacyCell?
        let missing: LegacyCell
    }

    /// Some columns through a step of their own; nil leaves them out.
    package struct Part: Equatable, Sendable {
        let name: String
        let places: [Int]
        let step: LegacyStep?
        let weight: Double
    }
}

extension LegacyStep {
    /// The values that a row becomes; throws `badRow` and names the value and the column that do not fit.
    func apply(_ row: [LegacyCell]) throws(LegacyFault) -> [LegacyCell] {
        switch self {
        case .standardScaler(let scaler): return try scaler.apply(row)
        case .simpleImputer(let imputer): return try imputer.apply(row)
        case .oneHotEncoder(let encoder): return try encoder.apply(row)
        case .ordinalEncoder(let encoder): return try encoder.apply(row)
        case .labelEncoder(let classes):
            guard row.count == 1, let place = classes.place(of: row[0]) else {
                throw Self.unknown(row.first, column: 0)
            }
            return [.number(Double(place))]
        case .pipeline(let steps):
            var row = row
            for step in steps { row = try step.apply(row) }
            return row
        case .columns(let parts):
            var result: [LegacyCell] = []
            for part in parts {
                guard let step = part.step else { continue }
                let values = try step.apply(part.places.map { row[$0] })
                guard part.weight != 1 else {
                    result += values
                    continue
                }
                for value in values { result.append(.number((value.number ?? .nan) * part.weight)) }
            }
            return result
        case .passthrough: return row
        }
    }

    /// How many values come out of so many; nil where the step is not made for so many.
    func width(of inputs: Int) -> Int? {
        switch self {
        case .standardScaler(let scaler): return scaler.width == inputs ? inputs : nil
        case .simpleImputer(let imputer):
            return imputer.fill.count == inputs ? imputer.fill.count { $0 != nil } : nil
        case .oneHotEncoder(let encoder):
            guard encoder.categories.count == inputs else { return nil }
            return zip(encoder.categories, encoder.dropped).reduce(0) {
                $0 + $1.0.values.count - ($1.1 == nil ? 0 : 1)
            }
        case .ordinalEncoder(let encoder): return encoder.categories.count == inputs ? inputs : nil
        case .labelEncoder: return inputs == 1 ? 1 : nil
        case .pipeline(let steps):
            var width = inputs
            for step in steps {
                guard let next = step.width(of: width) else { return nil }
                width = next
            }
            return width
        case .columns(let parts):
            var width = 0
            for part in parts {
                guard part.places.allSatisfy({ 0..<inputs ~= $0 }) else { return nil }
                guard let step = part.step else { continue }
                guard let own = step.width(of: part.places.count) else { return nil }
                width += own
            }
            return width
        case .passthrough: return inputs
        }
    }

    static func unknown(_ cell: LegacyCell?, column: Int) -> LegacyFault {
        LegacyFault(
            .badRow,
            "\(cell?.spelling ?? "nothing") in column \(column) is no category that the encoder knows",
            hint: "this encoder was made to refuse unknown values; map the value to a known one, or train anew"
        )
    }
}

extension LegacyStep.Scaler {
    func apply(_ row: [LegacyCell]) throws(LegacyFault) -> [LegacyCell] {
        var result: [LegacyCell] = []
        result.reserveCapacity(row.count)
        for (column, cell) in row.enumerated() {
            guard var number = cell.number, !number.isInfinite else {
                throw LegacyFault(
                    .badRow,
                    "\(cell.spelling) in column \(column) is no number",
                    hint: "the encoder scales this column; give a finite number, or none where it is missing"
                )
            }
            if let mean { number -= mean[column] }
            if let scale { number /= scale[column] }
            result.append(.number(number))
        }
        return result
    }
}

extension LegacyStep.Imputer {
    func apply(_ row: [LegacyCell]) throws(LegacyFault) -> [LegacyCell] {
        var result: [LegacyCell] = []
        for (column, cell) in row.enumerated() {
            guard let fill = fill[column] else { continue }
            var cell = cell
            if takesNumbers {
                guard let number = cell.number else {
                    throw LegacyFault(
                        .badRow,
                        "\(cell.spelling) in column \(column) is no number",
                        hint: "the encoder fills this column with numbers; give one, or none where it is missing"
                    )
                }
                cell = .number(number)
            }
            result.append(cell == missing ? fill : cell)
        }
        return result
    }
}

extension LegacyStep.OneHot {
    func apply(_ row: [LegacyCell]) throws(LegacyFault) -> [LegacyCell] {
        var result: [LegacyCell] = []
        for (column, cell) in row.enumerated() {
            let place = categories[column].place(of: cell)
            guard place != nil || ignoresUnknown else { throw LegacyStep.unknown(cell, column: column) }
            for slot in categories[column].values.indices where slot != dropped[column] {
                result.append(.number(slot == place ? 1 : 0))
            }
        }
        return result
    }
}

extension LegacyStep.Ordinal {
    func apply(_ row: [LegacyCell]) throws(LegacyFault) -> [LegacyCell] {
        var result: [LegacyCell] = []
        for (column, cell) in row.enumerated() {
            if let place = categories[column].place(of: cell) {
                result.append(categories[column].values[place].isMissing ? missing : .number(Double(place)))
            } else if let unknown {
                result.append(unknown)
            } else {
                throw LegacyStep.unknown(cell, column: column)
            }
        }
        return result
    }
}
