package import PlantTables

/// The operations that occur in routings, by code.
package struct OperationList: Sendable, Equatable, Codable {
    /// The plant's codes, in ascending order; an operation's code here is its place.
    package let codes: [String]
    /// What people call them; the code where no name is known.
    package let names: [String]
    /// The group of work centres of each; empty where none is known.
    package let groups: [String]

    /// Lists that are equally long.
    package init(codes: [String], names: [String], groups: [String]) {
        precondition(codes.count == names.count && codes.count == groups.count, "each operation has a name and a group")
        (self.codes, self.names, self.groups) = (codes, names, groups)
    }
}

/// The routing of every part, end to end.
package struct RoutingColumns: Sendable, Equatable {
    /// Where each part's operations begin; one more than parts.
    package private(set) var firsts: [Int] = [0]
    package private(set) var operations: [UInt16] = []
    /// Minutes to set up; NaN where unknown.
    package private(set) var setup: [Double] = []
    /// Minutes for each piece; NaN where unknown.
    package private(set) var run: [Double] = []

    package init() {}

    /// Columns that fit each other: as many operations as minutes of each kind, and as the last of `firsts`, which ascend from 0.
    init(firsts: [Int], operations: [UInt16], setup: [Double], run: [Double]) {
        (self.firsts, self.operations, self.setup, self.run) = (firsts, operations, setup, run)
    }

    /// Adds the next part's routing, which may be empty.
    package mutating func append(_ steps: some Sequence<RoutingStep>) {
        for step in steps {
            operations.append(step.operation)
            setup.append(step.setup)
            run.append(step.run)
        }
        firsts.append(operations.count)
    }

    /// The number of parts.
    package var count: Int { firsts.count - 1 }

    /// The operations of a part, in order.
    package subscript(part: Int) -> [UInt16] { Array(operations[firsts[part]..<firsts[part + 1]]) }

    /// The steps of a part, in order.
    package func steps(of part: Int) -> [RoutingStep] {
        (firsts[part]..<firsts[part + 1]).map { RoutingStep(operation: operations[$0], setup: setup[$0], run: run[$0]) }
    }

    mutating func forgetRun(at place: Int) { run[place] = .nan }
}

/// One operation of a routing and its times.
package struct RoutingStep: Sendable, Equatable {
    package var operation: UInt16
    /// Minutes to set up; NaN where unknown.
    package var setup: Double
    /// Minutes for each piece; NaN where unknown.
    package var run: Double

    package init(operation: UInt16, setup: Double, run: Double) {
        (self.operation, self.setup, self.run) = (operation, setup, run)
    }
}

/// What a model is trained on: parts with attributes and routings, and what preparing them found.
package struct TrainingSet: Sendable {
    /// The plant's code of each part.
    package let items: [String]
    /// Attributes, one row a part; with `ORDER_QTY`, the median lot, where there are orders.
    package let parts: PlantTable
    package let operations: OperationList
    package let routings: RoutingColumns
    package let report: PreparationReport

    /// A set whose parts, rows and routings are equally many.
    package init(
        items: [String],
        parts: PlantTable,
        operations: OperationList,
        routings: RoutingColumns,
        report: PreparationReport
    ) {
        precondition(
            items.count == parts.rowCount && items.count == routings.count,
            "each part has a row and a routing"
        )
        (self.items, self.parts, self.operations) = (items, parts, operations)
        (self.routings, self.report) = (routings, report)
    }

    /// The set of only these parts, in this order, as places in ``items``.
    package func only(_ places: [Int]) -> TrainingSet {
        var chosen = RoutingColumns()
        for place in places { chosen.append(routings.steps(of: place)) }
        return TrainingSet(
            items: places.map { items[$0] },
            parts: parts.rows(places),
            operations: operations,
            routings: chosen,
            report: report
        )
    }
}

extension PlantTable {
    /// The table of only these rows, in this order.
    package func rows(_ places: [Int]) -> PlantTable {
        let columns = columns.mapValues { column -> PlantColumn in
            switch column {
            case .texts(let column): .texts(TextColumn(places.map { column[$0] }))
            case .numbers(let values): .numbers(places.map { values[$0] })
            case .moments(let values): .moments(places.map { values[$0] })
            case .truths(let values): .truths(places.map { values[$0] })
            }
        }
        return PlantTable(name, rowCount: places.count, columns: columns)
    }

    /// The table with a further column.
    package func with(_ name: String, _ column: PlantColumn) -> PlantTable {
        PlantTable(self.name, rowCount: rowCount, columns: columns.merging([name: column]) { $1 })
    }
}

/// What preparing the data found and changed.
package struct PreparationReport: Sendable, Equatable, Codable {
    /// A kind of finding; the words stand in the quality report.
    package enum Finding: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
        case itemWithoutCode = "parts without a code, left out"
        case itemTwice = "parts whose code stood before, left out"
        case itemWithoutRouting = "parts without any routing, no evidence"
        case orphanOperation = "routing rows of parts that are not in the master, left out"
        case incompleteOperation = "routing rows without an operation or a place, left out"
        case operationTwice = "routing rows that stand twice, left out"
        case otherRouting = "routing rows of further routings of a part, left out"
        case outsourced = "outsourced operations, their times not used"
        case noTime = "operations without a time above zero"
        case orphanResult = "results of orders or parts that are not known, left out"
        case resultTwice = "results that stand twice, left out"
        case noMinutes = "results without minutes above zero, left out"
        case implausibleTime = "times below a millionth of a minute or beyond 525,600 minutes (a year), not used"
        case implausibleQuantity = "orders of more than 1,000,000,000 pieces, their times not used"
        case stopReport = "reports of stops, left out"
        case orderWithoutQuantity = "orders without a quantity above zero, left out"
        case cutOrder = "orders that the period cuts, left out"
        case outlier = "times beyond the limit of the z-score, not used"

        /// The name for programs, such as `item_twice`.
        package var name: String {
            "\(self)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
        }
    }

    package var findings: [Finding: Int] = [:]
    /// Parts whose routing comes from the routing table, and from results.
    package var fromMaster = 0
    package var fromResults = 0
    /// Statistics of the run minutes of each operation's code, before and after outliers are left out and the ends trimmed.
    package var before: [String: GroupStatistics] = [:]
    package var after: [String: GroupStatistics] = [:]
    package var zLimit = 0.0
    package var trimPercent = 0.0

    package init() {}

    mutating func count(_ finding: Finding, _ number: Int = 1) {
        guard number > 0 else { return }
        findings[finding, default: 0] += number
    }

    /// The most minutes that one piece, one set-up or one report of work can take: a year.
    static let mostMinutes = 525_600.0
    /// The most pieces that one order can ask for.
    static let mostPieces = 1e9

    /// The fewest minutes that anything takes, beside none.
    static let leastMinutes = 1e-6

    /// These minutes, or NaN for what nothing takes, which is counted; none and less than none stay as they are.
    mutating func plausible(_ minutes: Double) -> Double {
        guard minutes > 0, !(Self.leastMinutes...Self.mostMinutes).contains(minutes) else { return minutes }
        count(.implausibleTime)
        return .nan
    }
}
