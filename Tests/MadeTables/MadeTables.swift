package import PlantTables
package import PlantSamples

/// Tables of a made plant without a database between.
package enum MadeTables {
    /// The tables, by internal name.
    package static func of(_ request: SamplePlant.Request) -> [String: PlantTable] {
        var plant = SamplePlant(request)
        let layout = plant.tables
        var rows: [String: [[SamplePlant.Value]]] = [:]
        plant.make { rows[$0, default: []].append($1) }
        var tables: [String: PlantTable] = [:]
        for table in layout {
            let values = rows[table.name] ?? []
            var columns: [String: PlantColumn] = [:]
            for (place, column) in table.columns.enumerated() {
                columns[column.title] = made(column.title, values.map { $0[place] })
            }
            tables[table.name] = PlantTable(table.name, rowCount: values.count, columns: columns)
        }
        return tables
    }

    private static func made(_ name: String, _ values: [SamplePlant.Value]) -> PlantColumn {
        if name.hasSuffix("_YN") { return .truths(values.map { Int8(number($0)) }) }
        if name.hasSuffix("_DT") { return .moments(values.map { moment($0) }) }
        let isText = values.contains { if case .text = $0 { true } else { false } }
        guard isText else { return .numbers(values.map { number($0) }) }
        return .texts(TextColumn(values.map { if case .text(let text) = $0 { text } else { nil } }))
    }

    private static func number(_ value: SamplePlant.Value) -> Double {
        switch value {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: .nan
        }
    }

    /// Good enough to put moments in order.
    private static func moment(_ value: SamplePlant.Value) -> Int64 {
        guard case .text(let text) = value else { return PlantColumn.noMoment }
        let parts = text.split(whereSeparator: { "-: ".contains($0) }).compactMap { Int64($0) }
        guard parts.count == 6 else { return PlantColumn.noMoment }
        let days = (parts[0] * 12 + parts[1]) * 31 + parts[2]
        return ((days * 24 + parts[3]) * 60 + parts[4]) * 60_000_000 + parts[5] * 1_000_000
    }
}
