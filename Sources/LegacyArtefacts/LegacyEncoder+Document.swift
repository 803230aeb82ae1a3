package import CanonicalJSON

extension LegacyEncoder {
    /// The encoder in this program's own form: the same document for the same encoder, and ``init(document:)`` gives it back.
    ///
    /// Numbers stand as texts of the fewest digits that give the same bits, as canonical JSON has no fractions.
    package var document: JSONValue {
        [
            "format": 1,
            "inputs": .array(inputs.map { .string($0) }),
            "scikit_learn": scikitLearn.map { .string($0) } ?? .null,
            "step": step.document,
        ]
    }

    /// Reads what ``document`` gave; throws `damaged` for anything else.
    package init(document: JSONValue) throws(LegacyFault) {
        guard document["format"]?.number == 1, let names = document["inputs"]?.elements, let step = document["step"]
        else {
            throw StepReading.damaged("format, inputs or step")
        }
        let inputs = names.compactMap(\.text)
        guard inputs.count == names.count, 1...65_536 ~= inputs.count else { throw StepReading.damaged("inputs") }
        try self.init(
            inputs: inputs,
            scikitLearn: document["scikit_learn"]?.text,
            step: try StepReading.step(step, depth: 0)
        )
    }
}

extension LegacyStep {
    fileprivate var document: JSONValue {
        switch self {
        case .standardScaler(let scaler):
            [
                "kind": "scaler", "width": .integer(scaler.width), "mean": Self.document(scaler.mean),
                "scale": Self.document(scaler.scale),
            ]
        case .simpleImputer(let imputer):
            [
                "kind": "imputer", "missing": imputer.missing.document, "numbers": .bool(imputer.takesNumbers),
                "fill": .array(imputer.fill.map { $0.map { ["value": $0.document] } ?? .null }),
            ]
        case .oneHotEncoder(let encoder):
            [
                "kind": "one-hot", "categories": .array(encoder.categories.map(\.document)),
                "dropped": .array(encoder.dropped.map { $0.map { .integer($0) } ?? .null }),
                "ignores_unknown": .bool(encoder.ignoresUnknown),
            ]
        case .ordinalEncoder(let encoder):
            [
                "kind": "ordinal", "categories": .array(encoder.categories.map(\.document)),
                "unknown": encoder.unknown?.document ?? .null, "missing": encoder.missing.document,
            ]
        case .labelEncoder(let classes): ["kind": "label", "classes": classes.document]
        case .pipeline(let steps): ["kind": "pipeline", "steps": .array(steps.map(\.document))]
        case .columns(let parts):
            [
                "kind": "columns",
                "parts": .array(
                    parts.map { part in
                        [
                            "name": .string(part.name), "places": .array(part.places.map { .integer($0) }),
                            "step": part.step?.document ?? .null, "weight": .string("\(part.weight)"),
                        ]
                    }
                ),
            ]
        case .passthrough: ["kind": "passthrough"]
        }
    }

    private static func document(_ numbers: [Double]?) -> JSONValue {
        numbers.map { .array($0.map { .string("\($0)") }) } ?? .null
    }
}

extension LegacyStep.Categories {
    fileprivate var document: JSONValue {
        ["numbers": .bool(areNumbers), "values": .array(values.map(\.document))]
    }
}

extension LegacyCell {
    fileprivate var document: JSONValue {
        switch self {
        case .text(let text): ["text": .string(text)]
        case .number(let number): ["number": .string("\(number)")]
        case .none: ["none": true]
        }
    }

    fileprivate init?(document: JSONValue) {
        guard let members = document.members, members.count == 1, let (name, value) = members.first else { return nil }
        switch (name, value) {
        case ("text", .string(let text)): self = .text(text)
        case ("number", .string(let text)):
            guard let number = Double(text) else { return nil }
            self = .number(number)
        case ("none", .bool(true)): self = .none
        default: return nil
        }
    }
}

/// Reads steps from their documents.
private enum StepReading {
    static func damaged(_ what: String) -> LegacyFault {
        LegacyFault(
            .damaged,
            "the document is no encoder: \(what) cannot be read",
            hint: "take the file from a backup, or import the version again"
        )
    }

    static func step(_ document: JSONValue, depth: Int) throws(LegacyFault) -> LegacyStep {
        guard depth < 16 else { throw damaged("more than 16 steps in each other") }
        switch document["kind"]?.text {
        case "scaler"?: return .standardScaler(try scaler(document))
        case "imputer"?: return .simpleImputer(try imputer(document))
        case "one-hot"?: return .oneHotEncoder(try oneHot(document))
        case "ordinal"?: return .ordinalEncoder(try ordinal(document))
        case "label"?: return .labelEncoder(try categories(document["classes"]))
        case "pipeline"?:
            var steps: [LegacyStep] = []
            for one in try elements(document, "steps") { steps.append(try step(one, depth: depth + 1)) }
            return .pipeline(steps)
        case "columns"?:
            var parts: [LegacyStep.Part] = []
            for one in try elements(document, "parts") { parts.append(try part(one, depth: depth)) }
            return .columns(parts)
        case "passthrough"?: return .passthrough
        default: throw damaged("a step's kind")
        }
    }

    private static func part(_ document: JSONValue, depth: Int) throws(LegacyFault) -> LegacyStep.Part {
        let places = try elements(document, "places").compactMap(\.number)
        guard let name = document["name"]?.text, let weight = document["weight"]?.text.flatMap({ Double($0) }),
            let own = document["step"], places.count == document["places"]?.elements?.count
        else { throw damaged("a part of the columns") }
        return LegacyStep.Part(
            name: name,
            places: places,
            step: own == .null ? nil : try step(own, depth: depth + 1),
            weight: weight
        )
    }

    private static func scaler(_ document: JSONValue) throws(LegacyFault) -> LegacyStep.Scaler {
        guard let width = document["width"]?.number, 0...65_536 ~= width else { throw damaged("a scaler's width") }
        func numbers(_ name: String) throws(LegacyFault) -> [Double]? {
            if document[name] == .null { return nil }
            let numbers = try elements(document, name).compactMap { $0.text.flatMap { Double($0) } }
            guard numbers.count == width, numbers.count == document[name]?.elements?.count else {
                throw damaged("a scaler's \(name)")
            }
            return numbers
        }
        return LegacyStep.Scaler(width: width, mean: try numbers("mean"), scale: try numbers("scale"))
    }

    private static func imputer(_ document: JSONValue) throws(LegacyFault) -> LegacyStep.Imputer {
        guard let missing = document["missing"].flatMap({ LegacyCell(document: $0) }),
            let numbers = document["numbers"]?.truth
        else { throw damaged("an imputer") }
        var fill: [LegacyCell?] = []
        for one in try elements(document, "fill") {
            if one == .null {
                fill.append(nil)
            } else {
                guard let cell = one["value"].flatMap({ LegacyCell(document: $0) }) else { throw damaged("an imputer") }
                fill.append(cell)
            }
        }
        return LegacyStep.Imputer(missing: missing, fill: fill, takesNumbers: numbers)
    }

    private static func oneHot(_ document: JSONValue) throws(LegacyFault) -> LegacyStep.OneHot {
        var lists: [LegacyStep.Categories] = []
        for one in try elements(document, "categories") { lists.append(try categories(one)) }
        let dropped = try elements(document, "dropped").map(\.number)
        guard let ignores = document["ignores_unknown"]?.truth, dropped.count == lists.count,
            zip(lists, dropped).allSatisfy({ list, place in place.map { list.values.indices ~= $0 } ?? true })
        else { throw damaged("a one-hot encoder") }
        return LegacyStep.OneHot(categories: lists, dropped: dropped, ignoresUnknown: ignores)
    }

    private static func ordinal(_ document: JSONValue) throws(LegacyFault) -> LegacyStep.Ordinal {
        var lists: [LegacyStep.Categories] = []
        for one in try elements(document, "categories") { lists.append(try categories(one)) }
        guard let missing = document["missing"].flatMap({ LegacyCell(document: $0) }),
            let unknown = document["unknown"]
        else { throw damaged("an ordinal encoder") }
        let cell = LegacyCell(document: unknown)
        guard cell != nil || unknown == .null else { throw damaged("an ordinal encoder") }
        return LegacyStep.Ordinal(categories: lists, unknown: cell, missing: missing)
    }

    private static func categories(_ document: JSONValue?) throws(LegacyFault) -> LegacyStep.Categories {
        guard let document, let numbers = document["numbers"]?.truth else { throw damaged("categories") }
        let elements = try elements(document, "values")
        let values = elements.compactMap { LegacyCell(document: $0) }
        guard values.count == elements.count else { throw damaged("categories") }
        return LegacyStep.Categories(values, areNumbers: numbers)
    }

    private static func elements(_ document: JSONValue, _ name: String) throws(LegacyFault) -> [JSONValue] {
        guard let elements = document[name]?.elements, elements.count <= 65_536 else { throw damaged(name) }
        return elements
    }
}
