internal import PlantTables

/// Reads routings out of the plant's routing table.
struct RoutingReading {
    private let table: PlantTable
    private let places: [String: Int]
    private let operations: OperationList

    init(_ table: PlantTable, _ places: [String: Int], _ operations: OperationList) {
        (self.table, self.places, self.operations) = (table, places, operations)
    }

    mutating func read(
        into steps: inout [[RoutingStep]?],
        _ report: inout PreparationReport
    ) throws(RoutingModelFault) {
        guard let items = table.texts("ITEM_CD") else { throw Preparation.lacks(table.name, "ITEM_CD") }
        guard let sequence = table.numbers("OP_SEQ") else { throw Preparation.lacks(table.name, "OP_SEQ") }
        guard let codes = table.texts("OP_CD") else { throw Preparation.lacks(table.name, "OP_CD") }
        let operation = Self.operations(of: codes, operations)
        // One look-up for each distinct code, not for each row.
        let partOfWord = items.words.map { Int32(places[$0] ?? -1) }
        var parts = [Int32](repeating: -1, count: table.rowCount)
        for row in parts.indices {
            guard items.codes[row] >= 0, partOfWord[Int(items.codes[row])] >= 0 else {
                report.count(.orphanOperation)
                continue
            }
            guard operation[row] >= 0, sequence[row].isFinite else {
                report.count(.incompleteOperation)
                continue
            }
            parts[row] = partOfWord[Int(items.codes[row])]
        }
        let grouping = Grouping(parts, count: steps.count)
        let times = StepTimes(table)
        let numbers = table.texts("ROUTING_NO")
        for part in steps.indices where !grouping[part].isEmpty {
            var rows = grouping[part].map { Int($0) }
            if let numbers {
                // The plant's first routing is the one that it works by; others are alternatives.
                let first = rows.compactMap { numbers[$0] }.min()
                let chosen = rows.filter { numbers[$0] == first }
                report.count(.otherRouting, rows.count - chosen.count)
                rows = chosen
            }
            rows.sort { sequence[$0] == sequence[$1] ? $0 < $1 : sequence[$0] < sequence[$1] }
            var path: [RoutingStep] = []
            path.reserveCapacity(rows.count)
            var last: (Double, Int32)?
            for row in rows {
                if let last, last == (sequence[row], operation[row]) {
                    report.count(.operationTwice)
                    continue
                }
                last = (sequence[row], operation[row])
                path.append(times.step(UInt16(operation[row]), row, &report))
            }
            steps[part] = path
        }
    }

    /// The code of each row's operation, or -1.
    static func operations(of codes: TextColumn, _ operations: OperationList) -> [Int32] {
        let places = Dictionary(uniqueKeysWithValues: operations.codes.enumerated().map { ($1, Int32($0)) })
        let ofWord = codes.words.map { places[$0] ?? -1 }
        return codes.codes.map { $0 < 0 ? -1 : ofWord[Int($0)] }
    }
}

/// The columns of a routing table that tell times.
private struct StepTimes {
    private let setup: [Double]?
    private let run: [Double]?
    private let outsourced: [Int8]?

    init(_ table: PlantTable) {
        setup = table.numbers("SETUP_MIN")
        run = table.numbers("RUN_MIN_PER_EA")
        outsourced = table.truths("OUTSOURCE_YN")
    }

    func step(_ operation: UInt16, _ row: Int, _ report: inout PreparationReport) -> RoutingStep {
        guard outsourced?[row] != 1 else {
            report.count(.outsourced)
            return RoutingStep(operation: operation, setup: .nan, run: .nan)
        }
        // No set-up is a set-up of no minutes; a run of none was not recorded.
        let setup = report.plausible(setup?[row] ?? .nan)
        let run = report.plausible(run?[row] ?? .nan)
        return RoutingStep(operation: operation, setup: setup >= 0 ? setup : .nan, run: run > 0 ? run : .nan)
    }
}
