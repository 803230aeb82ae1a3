/// An encoder of scikit-learn as a plain description, which turns rows into the vectors that Python made of them.
///
/// StandardScaler, OneHotEncoder, OrdinalEncoder, LabelEncoder, SimpleImputer, Pipeline and ColumnTransformer; anything else is
/// refused with its name. Nothing of the file is ever run.
package struct LegacyEncoder: Equatable, Sendable {
    /// The columns of a row, in order: their names, or `x0`, `x1`, … where the encoder was made without names.
    package let inputs: [String]
    /// Numbers per vector.
    package let outputCount: Int
    /// The scikit-learn that wrote it, as far as it says so.
    package let scikitLearn: String?
    /// What is computed.
    package let step: LegacyStep

    /// Reads `encoder.joblib`; throws ``LegacyFault`` that names the file and what in it is not imported.
    package init(reading path: String) throws(LegacyFault) {
        do {
            let document = try JoblibFile.read(path)
            self = try EncoderDecoding(arena: document.arena).encoder(document.value)
        } catch {
            throw error.of(path)
        }
    }

    init(inputs: [String], scikitLearn: String?, step: LegacyStep) throws(LegacyFault) {
        guard let width = step.width(of: inputs.count), 1...65_536 ~= width else {
            throw LegacyFault(
                .damaged,
                "the encoder's steps do not fit its \(inputs.count) columns",
                hint: "copy the file again from the plant that made it"
            )
        }
        (self.inputs, outputCount, self.scikitLearn, self.step) = (inputs, width, scikitLearn, step)
    }

    /// The vector of one row, its cells in the order of ``inputs``.
    ///
    /// Throws `badRow` for a row of another width, a value that the encoder refuses, or a result that is no number.
    package func transform(_ row: [LegacyCell]) throws(LegacyFault) -> [Double] {
        guard row.count == inputs.count else {
            throw LegacyFault(
                .badRow,
                "a row of \(row.count) values, where the encoder has \(inputs.count) columns",
                hint: "give the columns \(inputs.prefix(20).joined(separator: ", "))"
            )
        }
        var vector: [Double] = []
        vector.reserveCapacity(outputCount)
        for (slot, cell) in try step.apply(row).enumerated() {
            guard case .number(let number) = cell else {
                throw LegacyFault(
                    .badRow,
                    "\(cell.spelling) comes out in slot \(slot), which is no number",
                    hint: "the encoder passes a column through as it is; give a number there"
                )
            }
            vector.append(number)
        }
        return vector
    }

    /// Vectors of many rows, row after row, as the 32-bit numbers that an index holds.
    package func vectors(_ rows: [[LegacyCell]]) throws(LegacyFault) -> [Float] {
        var vectors: [Float] = []
        vectors.reserveCapacity(rows.count * outputCount)
        for row in rows { for number in try transform(row) { vectors.append(Float(number)) } }
        return vectors
    }
}
