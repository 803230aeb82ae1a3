extension EncoderDecoding {
    /// A ColumnTransformer: its fitted parts in their order, the remainder last.
    func columns(_ record: PickleRecord, depth: Int) throws(LegacyFault) -> LegacyStep {
        guard let parts = record.attributes["transformers_"].flatMap({ arena.elements($0) }), parts.count <= 4096 else {
            throw unfitted("ColumnTransformer")
        }
        let list = try cells(record.attributes["feature_names_in_"]) ?? []
        let count = integer(record.attributes["n_features_in_"]) ?? list.count
        guard 0...65_536 ~= count else { throw .unsupported("a ColumnTransformer of \(count) columns") }
        let names = Dictionary(list.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var weights: [String: PickleValue] = [:]
        if let value = record.attributes["transformer_weights"], !isNone(value) {
            guard let members = arena.members(value) else { throw unfitted("ColumnTransformer") }
            weights = members
        }
        var result: [LegacyStep.Part] = []
        for entry in parts {
            guard let three = arena.elements(entry), three.count == 3, let name = text(three[0]) else {
                throw unfitted("ColumnTransformer")
            }
            guard let places = try places(three[2], names: names, count: count) else {
                throw .unsupported("the choice of columns of \"\(PickleMachine.quoted(name))\" in a ColumnTransformer")
            }
            var step: LegacyStep?
            switch text(three[1]) {
            case "drop"?: break
            case "passthrough"?: step = .passthrough
            case nil where places.isEmpty: break
            case nil: step = try self.step(three[1], depth: depth + 1)
            default: throw unfitted("ColumnTransformer")
            }
            var weight = 1.0
            if let value = weights[name] {
                guard case .number(let number)? = LegacyCell(value) else { throw unfitted("ColumnTransformer") }
                weight = number
            }
            result.append(.init(name: name, places: places, step: step, weight: weight))
        }
        return .columns(result)
    }

    /// Columns by name, by place, as a mask or a slice, as scikit-learn takes them.
    private func places(
        _ value: PickleValue,
        names: [LegacyCell: Int],
        count: Int
    ) throws(LegacyFault) -> [Int]? {
        func place(_ cell: LegacyCell) -> Int? {
            switch cell {
            case .text: names[cell]
            case .number(let number):
                Int(exactly: number).map { $0 < 0 ? $0 + count : $0 }
            case .none: nil
            }
        }
        if let cell = LegacyCell(value) { return place(cell).map { [$0] } }
        if case .slice(let bounds)? = arena[value] {
            try charge(count)
            return slice(bounds, count: count)
        }
        var values = arena.elements(value)
        if let record = arena.record(value), record.className == "_RemainderColsList" {
            values = record.attributes["data"].flatMap { arena.elements($0) }
        }
        if let values {
            try charge(values.count)
            let truths = values.compactMap { if case .truth(let truth) = $0 { truth } else { nil as Bool? } }
            if !truths.isEmpty, truths.count == values.count {
                return truths.count == count ? truths.indices.filter { truths[$0] } : nil
            }
            let places = values.compactMap { LegacyCell($0).flatMap(place) }
            return places.count == values.count ? places : nil
        }
        guard let array = arena.array(value), let cells = try cells(value) else { return nil }
        if array.type.kind == "b" {
            return cells.count == count ? cells.indices.filter { cells[$0] == .number(1) } : nil
        }
        let places = cells.compactMap(place)
        return places.count == cells.count ? places : nil
    }

    private func slice(_ bounds: [PickleValue], count: Int) -> [Int]? {
        guard bounds.count == 3, isNone(bounds[2]) || integer(bounds[2]) == 1 else { return nil }
        var ends: [Int] = []
        for (bound, otherwise) in [(bounds[0], 0), (bounds[1], count)] {
            guard isNone(bound) || integer(bound) != nil else { return nil }
            let end = integer(bound) ?? otherwise
            ends.append(min(max(end < 0 ? end + count : end, 0), count))
        }
        return ends[0] < ends[1] ? Array(ends[0]..<ends[1]) : []
    }
}
