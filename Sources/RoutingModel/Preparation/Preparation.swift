internal import Foundation
package import PlantTables

/// Makes a training set of a plant's tables: typed columns in, parts with routings out.
///
/// Routings come from `RoutingOperation`; those of parts that it lacks, and all where there is no such table, are derived from
/// `WorkResult`. Whatever is left out is counted in the report. Works on columns, without a value of its own for any row.
package struct Preparation: Sendable {
    /// How times are cleaned.
    package struct Settings: Sendable, Equatable {
        /// Standard deviations of the logarithm beyond which a time is an outlier; nil to keep all.
        package var zLimit: Double?
        /// Share trimmed at each end for the statistics, in percent.
        package var trimPercent: Double
        /// Whether orders that the period cuts are evidence all the same.
        package var keepsCutOrders: Bool

        package init(zLimit: Double? = 3, trimPercent: Double = 2.5, keepsCutOrders: Bool = false) {
            (self.zLimit, self.trimPercent, self.keepsCutOrders) = (zLimit, trimPercent, keepsCutOrders)
        }
    }

    private let tables: [String: PlantTable]
    private let settings: Settings
    private var report = PreparationReport()

    /// Prepares these tables, by internal name.
    package static func prepare(
        _ tables: [String: PlantTable],
        _ settings: Settings = Settings()
    ) throws(RoutingModelFault) -> TrainingSet {
        var preparation = Preparation(tables, settings)
        return try preparation.run()
    }

    private init(_ tables: [String: PlantTable], _ settings: Settings) {
        (self.tables, self.settings) = (tables, settings)
    }

    private mutating func run() throws(RoutingModelFault) -> TrainingSet {
        let master = try required("ItemMaster")
        guard let codes = master.texts("ITEM_CD") else { throw Self.lacks("ItemMaster", "ITEM_CD") }
        let (rows, places) = parts(codes)
        guard !rows.isEmpty else {
            throw RoutingModelFault(
                .unusableData,
                "ItemMaster has no part with a code",
                hint: "map the column with the parts' codes to ITEM_CD"
            )
        }
        let operations = operationList()
        var steps = [[RoutingStep]?](repeating: nil, count: rows.count)
        if let table = tables["RoutingOperation"] {
            var reading = RoutingReading(table, places, operations)
            try reading.read(into: &steps, &report)
        }
        report.fromMaster = steps.count { $0 != nil }
        let orders = try WorkOrders(tables["WorkOrder"], places)
        if let table = tables["WorkResult"], steps.contains(where: { $0 == nil }) {
            let derivation = try RoutingDerivation(table, orders, operations)
            derivation.derive(into: &steps, keepsCutOrders: settings.keepsCutOrders, &report)
        }
        var routings = RoutingColumns()
        for part in steps { routings.append(part ?? []) }
        report.count(.itemWithoutRouting, steps.count { $0 == nil })
        clean(&routings, operations)
        var parts = master.rows(rows)
        if let quantities = orders.medianQuantities(parts: rows.count) {
            parts = parts.with("ORDER_QTY", .numbers(quantities))
        }
        // Where the plant dates no part, a part is as old as its first work.
        let isDated = parts.moments("REG_DT")?.contains { $0 != PlantColumn.noMoment } ?? false
        if !isDated, let first = tables["WorkResult"].flatMap({ orders.firstWork($0, parts: rows.count) }) {
            parts = parts.with("REG_DT", .moments(first))
        }
        guard report.fromMaster + report.fromResults >= 2 else {
            throw RoutingModelFault(
                .unusableData,
                "\(report.fromMaster + report.fromResults) of \(rows.count) parts have a routing; a model needs two at least",
                hint:
                    "map RoutingOperation, or WorkOrder and WorkResult, and see that their ITEM_CD are those of ItemMaster"
            )
        }
        return TrainingSet(
            items: rows.map { codes[$0] ?? "" },
            parts: parts,
            operations: operations,
            routings: routings,
            report: report
        )
    }

    // MARK: - Parts and operations

    private func required(_ name: String) throws(RoutingModelFault) -> PlantTable {
        guard let table = tables[name], table.rowCount > 0 else {
            throw RoutingModelFault(
                .unusableData,
                tables[name] == nil ? "there is no table \(name)" : "\(name) has no row",
                hint: "a model needs the parts and their routings; map the table that has them"
            )
        }
        return table
    }

    static func lacks(_ table: String, _ column: String) -> RoutingModelFault {
        RoutingModelFault(
            .unusableData,
            "\(table) has no column \(column)",
            hint: "map the column of the source that has it"
        )
    }

    /// The rows that count as parts, and the place of each code among them.
    private mutating func parts(_ codes: TextColumn) -> (rows: [Int], places: [String: Int]) {
        var rows: [Int] = []
        var places: [String: Int] = [:]
        for row in codes.codes.indices {
            guard let code = codes[row], !code.isEmpty else {
                report.count(.itemWithoutCode)
                continue
            }
            guard places[code] == nil else {
                report.count(.itemTwice)
                continue
            }
            places[code] = rows.count
            rows.append(row)
        }
        return (rows, places)
    }

    /// Every operation of the list and of the rows, in the order of codes.
    private func operationList() -> OperationList {
        var known: [String: (name: String?, group: String?)] = [:]
        for name in ["RoutingOperation", "WorkResult"] {
            for word in tables[name]?.texts("OP_CD")?.words ?? [] where !word.isEmpty { known[word] = (nil, nil) }
        }
        if let table = tables["OperationCode"], let codes = table.texts("OP_CD") {
            let (names, groups) = (table.texts("OP_NM"), table.texts("WC_GRP"))
            for row in codes.codes.indices {
                guard let code = codes[row], !code.isEmpty else { continue }
                known[code] = (names?[row], groups?[row])
            }
        }
        let codes = known.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.prefix(Int(UInt16.max))
        return OperationList(
            codes: Array(codes),
            names: codes.map { code in known[code]?.name ?? code },
            groups: codes.map { code in known[code]?.group ?? "" }
        )
    }

    // MARK: - Times

    /// Takes out times that are none, and outliers of each operation; keeps statistics of before and after.
    private mutating func clean(_ routings: inout RoutingColumns, _ operations: OperationList) {
        (report.zLimit, report.trimPercent) = (settings.zLimit ?? 0, settings.trimPercent)
        let grouping = Grouping(routings.operations.map { Int32($0) }, count: operations.codes.count)
        let cleaning = TimeCleaning(
            routings.run,
            grouping,
            zLimit: settings.zLimit,
            trimPercent: settings.trimPercent
        )
        let lost = routings.run.count { $0.isNaN }
        for (operation, code) in operations.codes.enumerated() {
            report.before[code] = cleaning.before[operation]
            report.after[code] = cleaning.after[operation]
        }
        for row in cleaning.outliers { routings.forgetRun(at: Int(row)) }
        report.count(.outlier, cleaning.outliers.count)
        // Outsourced operations are counted as such.
        report.count(.noTime, lost - (report.findings[.outsourced] ?? 0))
    }
}
