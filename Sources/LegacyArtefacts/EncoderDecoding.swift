/// Turns the records of a pickle into an encoder; every setting that is not computed here is refused by name.
///
/// A file may name one object a thousand times, and that again: what is made is counted, and ends at ``greatestSize``.
struct EncoderDecoding {
    let arena: PickleArena
    private let made = Counter()

    /// Steps, columns and categories of one encoder together.
    static let greatestSize = 4_000_000

    private final class Counter {
        var count = 0
    }

    init(arena: PickleArena) { self.arena = arena }

    /// Counts what is about to be made; throws where it is too much.
    func charge(_ count: Int) throws(LegacyFault) {
        made.count += count
        guard made.count <= Self.greatestSize else {
            throw .unsupported("an encoder of more than \(Self.greatestSize) steps, columns and categories")
        }
    }

    /// The values of an array, counted.
    func cells(_ value: PickleValue?) throws(LegacyFault) -> [LegacyCell]? {
        guard let array = value.flatMap({ arena.array($0) }), let count = NumpyArray.count(array.shape) else {
            return nil
        }
        try charge(count)
        return array.cells
    }

    func encoder(_ value: PickleValue) throws(LegacyFault) -> LegacyEncoder {
        let step = try self.step(value, depth: 0)
        let (names, count, version) = facts(of: value, depth: 0)
        guard let width = names?.count ?? count else {
            throw .unsupported("an encoder that does not tell its columns (n_features_in_)")
        }
        guard 1...65_536 ~= width else { throw .unsupported("an encoder of \(width) columns") }
        return try LegacyEncoder(
            inputs: names ?? (0..<width).map { "x\($0)" },
            scikitLearn: version,
            step: step
        )
    }

    /// The columns' names, their count and the version that an estimator tells, or the first step of a pipeline for it.
    private func facts(of value: PickleValue, depth: Int) -> (names: [String]?, count: Int?, version: String?) {
        guard let record = arena.record(value), depth < 16 else { return (nil, nil, nil) }
        var names: [String]?
        if let cells = record.attributes["feature_names_in_"].flatMap({ arena.array($0) })?.cells {
            let texts = cells.compactMap { if case .text(let text) = $0 { text } else { nil as String? } }
            names = texts.count == cells.count ? texts : nil
        }
        var count = integer(record.attributes["n_features_in_"])
        var version: String?
        if case .text(let text)? = record.attributes["_sklearn_version"] { version = text }
        if record.className == "LabelEncoder" { count = 1 }
        if names == nil, count == nil, record.className == "Pipeline",
            let first = record.attributes["steps"].flatMap({ arena.elements($0) })?.first,
            let step = arena.elements(first), step.count == 2
        {
            let inner = facts(of: step[1], depth: depth + 1)
            (names, count) = (inner.names, inner.count)
        }
        return (names, count, version)
    }

    func step(_ value: PickleValue, depth: Int) throws(LegacyFault) -> LegacyStep {
        try charge(64)
        guard depth < 16 else { throw .unsupported("an encoder of more than 16 steps in each other") }
        guard let record = arena.record(value) else {
            throw .unsupported("an encoder that is no object of scikit-learn")
        }
        switch record.className {
        case "StandardScaler": return try scaler(record)
        case "SimpleImputer": return try imputer(record)
        case "OneHotEncoder": return try oneHot(record)
        case "OrdinalEncoder": return try ordinal(record)
        case "LabelEncoder": return .labelEncoder(try categories(record.attributes["classes_"], of: "LabelEncoder"))
        case "Pipeline": return try pipeline(record, depth: depth)
        case "ColumnTransformer": return try columns(record, depth: depth)
        case "FunctionTransformer":
            // What scikit-learn puts in for 'passthrough'.
            guard isNone(record.attributes["func"]) else { throw .unsupported("a FunctionTransformer with a function") }
            return .passthrough
        default: throw .unsupported("\(record.className)")
        }
    }

    private func scaler(_ record: PickleRecord) throws(LegacyFault) -> LegacyStep {
        let mean = truth(record.attributes["with_mean"]) ?? true
        let scale = truth(record.attributes["with_std"]) ?? true
        var told = integer(record.attributes["n_features_in_"])
        if told == nil { told = try numbers(record.attributes["mean_"])?.count }
        guard let width = told else { throw unfitted("StandardScaler") }
        func column(_ name: String, _ wanted: Bool) throws(LegacyFault) -> [Double]? {
            guard wanted else { return nil }
            guard let numbers = try numbers(record.attributes[name]), numbers.count == width,
                numbers.allSatisfy({ !$0.isInfinite })
            else { throw unfitted("StandardScaler") }
            return numbers
        }
        return .standardScaler(
            .init(width: width, mean: try column("mean_", mean), scale: try column("scale_", scale))
        )
    }

    private func imputer(_ record: PickleRecord) throws(LegacyFault) -> LegacyStep {
        guard isNone(record.attributes["indicator_"]), truth(record.attributes["add_indicator"]) != true else {
            throw .unsupported("a SimpleImputer with add_indicator")
        }
        guard let array = record.attributes["statistics_"].flatMap({ arena.array($0) }),
            let statistics = try cells(record.attributes["statistics_"]),
            let missing = record.attributes["missing_values"].flatMap(LegacyCell.init)
        else { throw unfitted("SimpleImputer") }
        var keeps = truth(record.attributes["keep_empty_features"]) ?? false
        if case .text("constant")? = record.attributes["strategy"] { keeps = true }
        var takesNumbers = array.type.kind != "O"
        if let type = record.attributes["_fit_dtype"], case .elementType(let type)? = arena[type] {
            takesNumbers = type.kind == "f" || type.kind == "i" || type.kind == "u"
        }
        return .simpleImputer(
            .init(
                missing: takesNumbers && missing == .none ? .number(.nan) : missing,
                fill: statistics.map { !keeps && $0.isMissing ? nil : $0 },
                takesNumbers: takesNumbers
            )
        )
    }

    private func oneHot(_ record: PickleRecord) throws(LegacyFault) -> LegacyStep {
        let categories = try allCategories(record, of: "OneHotEncoder")
        var dropped = [Int?](repeating: nil, count: categories.count)
        if let value = record.attributes["drop_idx_"], !isNone(value) {
            guard let cells = try cells(value), cells.count == categories.count else {
                throw unfitted("OneHotEncoder")
            }
            for (column, cell) in cells.enumerated() {
                guard case .number(let number) = cell else { continue }
                guard let place = Int(exactly: number), categories[column].values.indices ~= place else {
                    throw unfitted("OneHotEncoder")
                }
                dropped[column] = place
            }
        }
        let unknown = text(record.attributes["handle_unknown"]) ?? "error"
        guard ["error", "ignore", "warn", "infrequent_if_exist"].contains(unknown) else {
            throw .unsupported("a OneHotEncoder with handle_unknown = \(PickleMachine.quoted(unknown))")
        }
        return .oneHotEncoder(.init(categories: categories, dropped: dropped, ignoresUnknown: unknown != "error"))
    }

    private func ordinal(_ record: PickleRecord) throws(LegacyFault) -> LegacyStep {
        let categories = try allCategories(record, of: "OrdinalEncoder")
        var unknown: LegacyCell?
        switch text(record.attributes["handle_unknown"]) ?? "error" {
        case "error": break
        case "use_encoded_value":
            guard let value = record.attributes["unknown_value"].flatMap(LegacyCell.init), case .number = value else {
                throw unfitted("OrdinalEncoder")
            }
            unknown = value
        default: throw .unsupported("an OrdinalEncoder with another handle_unknown than error and use_encoded_value")
        }
        let missing = record.attributes["encoded_missing_value"].flatMap(LegacyCell.init) ?? .number(.nan)
        guard case .number = missing else { throw .unsupported("an OrdinalEncoder whose missing value is no number") }
        return .ordinalEncoder(.init(categories: categories, unknown: unknown, missing: missing))
    }

    private func pipeline(_ record: PickleRecord, depth: Int) throws(LegacyFault) -> LegacyStep {
        guard let steps = record.attributes["steps"].flatMap({ arena.elements($0) }), steps.count <= 64 else {
            throw unfitted("Pipeline")
        }
        var result: [LegacyStep] = []
        for entry in steps {
            guard let pair = arena.elements(entry), pair.count == 2 else { throw unfitted("Pipeline") }
            if isNone(pair[1]) || text(pair[1]) == "passthrough" { continue }
            result.append(try step(pair[1], depth: depth + 1))
        }
        return .pipeline(result)
    }
}

// What is read out of records.
extension EncoderDecoding {
    func isNone(_ value: PickleValue?) -> Bool {
        switch value {
        case nil, .some(.none): true
        default: false
        }
    }

    func integer(_ value: PickleValue?) -> Int? {
        if case .integer(let number)? = value { number } else { nil }
    }

    func truth(_ value: PickleValue?) -> Bool? {
        switch value {
        case .truth(let truth)?: truth
        case .integer(let number)?: number != 0
        default: nil
        }
    }

    func text(_ value: PickleValue?) -> String? {
        if case .text(let text)? = value { text } else { nil }
    }

    func numbers(_ value: PickleValue?) throws(LegacyFault) -> [Double]? {
        guard let cells = try cells(value) else { return nil }
        let numbers = cells.compactMap { if case .number(let number) = $0 { number } else { nil as Double? } }
        return numbers.count == cells.count ? numbers : nil
    }

    func unfitted(_ className: String) -> LegacyFault {
        .unsupported(
            "a \(className) that was not fitted, or whose attributes are not those of scikit-learn 0.20 to 1.9,"
        )
    }

    private func categories(_ value: PickleValue?, of className: String) throws(LegacyFault) -> LegacyStep.Categories {
        guard let array = value.flatMap({ arena.array($0) }), let cells = try cells(value), cells.count <= 65_536 else {
            throw unfitted(className)
        }
        return LegacyStep.Categories(cells, areNumbers: array.type.kind != "O" && array.type.kind != "U")
    }

    private func allCategories(
        _ record: PickleRecord,
        of className: String
    ) throws(LegacyFault) -> [LegacyStep.Categories] {
        if let mappings = record.attributes["_default_to_infrequent_mappings"].flatMap({ arena.elements($0) }),
            !mappings.allSatisfy({ isNone($0) })
        {
            throw .unsupported("a \(className) with infrequent categories (min_frequency, max_categories)")
        }
        guard let lists = record.attributes["categories_"].flatMap({ arena.elements($0) }), lists.count <= 65_536 else {
            throw unfitted(className)
        }
        var result: [LegacyStep.Categories] = []
        for list in lists { result.append(try categories(list, of: className)) }
        return result
    }
}
