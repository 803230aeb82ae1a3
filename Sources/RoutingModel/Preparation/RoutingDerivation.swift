internal import PlantTables

/// The orders of a plant: whose part, and how many pieces.
struct WorkOrders {
    private(set) var places: [String: Int] = [:]
    /// For each order the part's place, or -1.
    private(set) var parts: [Int32] = []
    /// For each order the pieces; NaN where unknown.
    private(set) var quantities: [Double] = []

    /// The orders of a table; none where there is no table.
    init(_ table: PlantTable?, _ items: [String: Int]) throws(RoutingModelFault) {
        guard let table else { return }
        guard let numbers = table.texts("WO_NO") else { throw Preparation.lacks(table.name, "WO_NO") }
        guard let codes = table.texts("ITEM_CD") else { throw Preparation.lacks(table.name, "ITEM_CD") }
        let pieces = table.numbers("ORDER_QTY")
        for row in numbers.codes.indices {
            guard let number = numbers[row], places[number] == nil else { continue }
            places[number] = parts.count
            parts.append(codes[row].flatMap { items[$0] }.map { Int32($0) } ?? -1)
            quantities.append(pieces?[row] ?? .nan)
        }
    }

    /// When each part was first worked on, by reports with a moment; nil where none tells one.
    func firstWork(_ results: PlantTable, parts count: Int) -> [Int64]? {
        guard let numbers = results.texts("WO_NO"), let started = results.moments("START_DT") else { return nil }
        let partOfWord = numbers.words.map { word in places[word].map { Int(parts[$0]) } ?? -1 }
        var first = [Int64](repeating: PlantColumn.noMoment, count: count)
        for row in numbers.codes.indices where numbers.codes[row] >= 0 && started[row] != PlantColumn.noMoment {
            let part = partOfWord[Int(numbers.codes[row])]
            guard part >= 0 else { continue }
            if first[part] == PlantColumn.noMoment || started[row] < first[part] { first[part] = started[row] }
        }
        return first.contains { $0 != PlantColumn.noMoment } ? first : nil
    }

    /// The median lot of each part, NaN for one without orders; nil where no order tells a quantity.
    func medianQuantities(parts count: Int) -> [Double]? {
        guard quantities.contains(where: { $0 > 0 }) else { return nil }
        let grouping = Grouping(parts, count: count)
        return (0..<count).map { part in
            Quantiles.median(
                grouping[part].map { quantities[Int($0)] }.filter { $0 > 0 && $0 <= PreparationReport.mostPieces }
            )
        }
    }
}

/// Derives routings from what was reported: the order of first occurrence of each operation, minutes by the piece.
///
/// A part with several orders gets the routing to which all of its orders' are nearest, and the median of their times.
struct RoutingDerivation {
    private let orders: WorkOrders
    private let count: Int
    /// Rows by order, then in the order of time.
    private let grouping: Grouping
    private let operation: [Int32]
    private let started: [Int64]
    private let ended: [Int64]
    private let minutes: [Double]
    private let setup: [Double]?
    private let kinds: TextColumn?

    init(_ table: PlantTable, _ orders: WorkOrders, _ operations: OperationList) throws(RoutingModelFault) {
        guard let numbers = table.texts("WO_NO") else { throw Preparation.lacks(table.name, "WO_NO") }
        guard let codes = table.texts("OP_CD") else { throw Preparation.lacks(table.name, "OP_CD") }
        self.orders = orders
        count = table.rowCount
        operation = RoutingReading.operations(of: codes, operations)
        let ofWord = numbers.words.map { Int32(orders.places[$0] ?? -1) }
        grouping = Grouping(numbers.codes.map { $0 < 0 ? -1 : ofWord[Int($0)] }, count: orders.parts.count)
        let none = [Int64](repeating: PlantColumn.noMoment, count: table.rowCount)
        started = table.moments("START_DT") ?? none
        ended = table.moments("END_DT") ?? none
        let unknown = [Double](repeating: .nan, count: table.rowCount)
        let worked = table.numbers("WORK_MIN") ?? unknown
        let (starts, ends) = (started, ended)
        // Where minutes were not booked, the clock tells them.
        minutes = worked.indices.map { row in
            if worked[row].isFinite { return worked[row] }
            guard starts[row] != PlantColumn.noMoment, ends[row] != PlantColumn.noMoment else { return .nan }
            return Double(ends[row] - starts[row]) / 60_000_000
        }
        setup = table.numbers("SETUP_MIN")
        kinds = table.texts("REPORT_TYPE")
    }

    func derive(
        into steps: inout [[RoutingStep]?],
        keepsCutOrders: Bool,
        _ report: inout PreparationReport
    ) {
        report.count(.orphanResult, count - grouping.rows.count)
        let byPart = Grouping(orders.parts, count: steps.count)
        let complete = keepsCutOrders ? orders.parts.map { _ in true } : completeOrders(&report)
        for part in steps.indices where steps[part] == nil {
            var candidates: [[RoutingStep]] = []
            for order in byPart[part] where complete[Int(order)] {
                let path = path(of: Int(order), &report)
                if !path.isEmpty { candidates.append(path) }
            }
            guard let merged = Self.merged(candidates) else { continue }
            steps[part] = merged
            report.fromResults += 1
        }
    }

    /// Orders that begin and end as orders of this plant do.
    ///
    /// A period cuts orders at both of its edges. An order counts as whole unless it lies at an edge and begins (or ends) with an operation
    /// with which orders in the middle hardly ever do. Where no moments are known every order counts.
    private func completeOrders(_ report: inout PreparationReport) -> [Bool] {
        var complete = [Bool](repeating: true, count: grouping.count)
        let ends: [OrderEnds?] = (0..<grouping.count).map { self.ends(of: $0) }
        let known = ends.compactMap(\.self)
        guard known.count >= 20 else { return complete }
        let starts = known.map(\.start).sorted()
        let finishes = known.map(\.finish).sorted()
        let (early, late) = (starts[starts.count / 4], finishes[finishes.count * 3 / 4])
        var firsts: [Int32: Int] = [:]
        var lasts: [Int32: Int] = [:]
        for order in known {
            if order.start > early { firsts[order.first, default: 0] += 1 }
            if order.finish < late { lasts[order.last, default: 0] += 1 }
        }
        let (allFirsts, allLasts) = (firsts.values.reduce(0, +), lasts.values.reduce(0, +))
        for (order, end) in ends.enumerated() {
            guard let end else { continue }
            let beginsOddly = end.start <= early && firsts[end.first, default: 0] * 50 < allFirsts
            let endsOddly = end.finish >= late && lasts[end.last, default: 0] * 50 < allLasts
            if beginsOddly || endsOddly {
                complete[order] = false
                report.count(.cutOrder)
            }
        }
        return complete
    }

    private func ends(of order: Int) -> OrderEnds? {
        var (start, finish) = (Int64.max, Int64.min)
        var (first, last) = (Int32(-1), Int32(-1))
        for row in grouping[order].map({ Int($0) }) where operation[row] >= 0 && started[row] != PlantColumn.noMoment {
            if started[row] < start { (start, first) = (started[row], operation[row]) }
            if started[row] > finish { (finish, last) = (started[row], operation[row]) }
        }
        return first < 0 ? nil : OrderEnds(start: start, first: first, finish: finish, last: last)
    }

    /// One order as a routing; empty where nothing usable was reported.
    private func path(of order: Int, _ report: inout PreparationReport) -> [RoutingStep] {
        var pieces = orders.quantities[order]
        if pieces > PreparationReport.mostPieces {
            report.count(.implausibleQuantity)
            pieces = .nan
        } else if !(pieces > 0) {
            report.count(.orderWithoutQuantity)
        }
        let rows = grouping[order].map { Int($0) }.filter { operation[$0] >= 0 }
            .sorted { started[$0] == started[$1] ? $0 < $1 : started[$0] < started[$1] }
        var path: [RoutingStep] = []
        var last: Int?
        for row in rows {
            if let last, isSame(row, last) {
                report.count(.resultTwice)
                continue
            }
            last = row
            let kind = kinds?[row] ?? "D"
            guard kind != "B" else {
                report.count(.stopReport)
                continue
            }
            let place: Int
            if let known = path.firstIndex(where: { Int32($0.operation) == operation[row] }) {
                place = known
            } else {
                place = path.count
                path.append(RoutingStep(operation: UInt16(operation[row]), setup: 0, run: 0))
            }
            guard minutes[row] > 0 else {
                report.count(.noMinutes)
                continue
            }
            // What is too long is not cut to the limit: nothing says how long it was.
            if let booked = setup?[row], report.plausible(booked) > 0 { path[place].setup += booked }
            guard report.plausible(minutes[row]) > 0 else { continue }
            if kind == "S" { path[place].setup += minutes[row] } else { path[place].run += minutes[row] }
        }
        return path.map { step in
            // A set-up that nobody booked is not a set-up of no minutes.
            RoutingStep(
                operation: step.operation,
                setup: step.setup > 0 ? step.setup : .nan,
                run: pieces > 0 && step.run > 0 ? report.plausible(step.run / pieces) : .nan
            )
        }
    }

    private func isSame(_ row: Int, _ other: Int) -> Bool {
        operation[row] == operation[other] && started[row] == started[other] && ended[row] == ended[other]
            && minutes[row] == minutes[other] && kinds?.codes[row] == kinds?.codes[other]
            && started[row] != PlantColumn.noMoment
    }

    private static func merged(_ candidates: [[RoutingStep]]) -> [RoutingStep]? {
        let paths = candidates.map { $0.map(\.operation) }
        guard let medoid = RoutingMerge.medoid(of: paths, weights: paths.map { _ in 1 }) else { return nil }
        guard candidates.count > 1 else { return candidates[0] }
        return candidates[medoid].map { step in
            let all = candidates.compactMap { $0.first { $0.operation == step.operation } }
            return RoutingStep(
                operation: step.operation,
                setup: Quantiles.median(all.map(\.setup).filter { !$0.isNaN }),
                run: Quantiles.median(all.map(\.run).filter { !$0.isNaN })
            )
        }
    }
}

/// When an order begins and ends, and with which operations.
private struct OrderEnds {
    let start: Int64
    let first: Int32
    let finish: Int64
    let last: Int32
}
