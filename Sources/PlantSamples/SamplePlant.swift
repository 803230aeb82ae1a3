internal import Foundation
internal import RoutingModel

/// A made plant: parts with attributes, the routings that follow from them, orders, and what was reported of them.
///
/// Shares and spreads of orders and reports are those of a real log of a metal-parts job shop (220 orders of three months): lots lognormal
/// with median 36.5 and log-deviation 1.34 from 1 to 720; 3.5 reports for each operation, 77 % of work, 21 % of set-up, 1.4 % of stops;
/// rework in 16 % of orders, 1.1 % of reports twice, 0.2 % without minutes. The same request gives the same rows.
package struct SamplePlant: Sendable {
    /// What is made.
    package struct Request: Sendable, Equatable {
        /// Parts, at least 1.
        package var items: Int
        /// 1 is the plant of a demonstration, 4 to 5 is as wild as a real one; 0 is a plant that obeys its rules.
        package var noise: Double
        package var seed: UInt64
        package var traps: Set<Trap>
        /// Whether there are orders, and reports of them: most of a plant's rows.
        package var hasOrders: Bool

        package init(items: Int, noise: Double = 1, seed: UInt64 = 1, traps: Set<Trap> = [], hasOrders: Bool = true) {
            (self.items, self.noise, self.seed, self.traps) = (items, noise, seed, traps)
            self.hasOrders = hasOrders
        }
    }

    /// What real databases have and tidy ones have not.
    package enum Trap: String, Sendable, CaseIterable {
        /// Tables and columns bear Korean names, one of them a reserved word.
        case koreanNames = "korean-names"
        /// Numbers stand as text: "1,250", full-width, with blanks, "φ35".
        case textNumbers = "text-numbers"
        /// Some texts are empty, some missing.
        case emptyText = "empty-text"
        /// Operations and results of parts and orders that are nowhere.
        case orphans
        /// Results and routing rows stand twice.
        case duplicates
        /// Operations are numbered 1, 2, 3 in some routings and 10, 20, 30 in others.
        case mixedSequence = "mixed-sequence"
        /// A third of the parts are no longer in use.
        case unused
        /// Times ten times too long.
        case outliers
        /// Times of zero and below.
        case badTimes = "bad-times"
        /// Dates with day 00.
        case badDates = "bad-dates"
        /// Remarks of more than 16 KB.
        case longMemos = "long-memos"
        /// Remarks with emoji.
        case emoji
    }

    /// A value of a row.
    package enum Value: Sendable, Equatable {
        case null
        case integer(Int)
        case number(Double)
        case text(String)
    }

    /// A table of the plant.
    package struct Table: Sendable, Equatable {
        /// The internal name.
        package let name: String
        /// The name in the made database.
        package let title: String
        /// Names in the made database and their SQL types.
        package let columns: [(title: String, type: String)]

        package static func == (left: Table, right: Table) -> Bool {
            left.name == right.name && left.title == right.title
                && left.columns.map(\.title) == right.columns.map(\.title)
        }
    }

    private let request: Request
    private var random: SeededRandom
    private var resultID = 0

    /// A plant of this request.
    package init(_ request: Request) {
        self.request = request
        random = SeededRandom(request.seed)
    }

    /// The tables in the order in which rows are written.
    package var tables: [Table] { Schema.tables(isKorean: request.traps.contains(.koreanNames)) }

    /// Makes the plant; `write` gets each row with its table's internal name.
    package mutating func make(_ write: (_ table: String, _ row: [Value]) throws -> Void) rethrows {
        for operation in Plant.operations {
            try write(
                "OperationCode",
                [
                    .text(operation.code), .text(operation.name), .text(operation.group), .number(operation.setup),
                    .number(operation.run), .integer(operation.isOutsourced ? 1 : 0),
                ]
            )
        }
        var order = 0
        for index in 0..<request.items {
            let part = Part(index, &random)
            try write("ItemMaster", row(of: part))
            let steps = part.routing(noise: request.noise, &random)
            try writeRouting(of: part.code, steps, write)
            guard request.hasOrders else { continue }
            for _ in 0..<(1 + Int(random.next() % 2)) {
                order += 1
                try writeOrder(order, of: part.code, steps, write)
            }
        }
        if request.traps.contains(.orphans) {
            for index in 0..<max(request.items / 100, 1) {
                try write("RoutingOperation", routingRow("GONE-\(index)", 10, Plant.operations[0], 3, 1))
            }
        }
    }

    // MARK: - Rows

    private mutating func row(of part: Part) -> [Value] {
        func has(_ trap: Trap, _ oneIn: UInt64) -> Bool { request.traps.contains(trap) && random.next() % oneIn == 0 }
        let isEmpty = has(.emptyText, 8)
        let surface: Value = isEmpty ? (random.next() % 2 == 0 ? .text("") : .null) : .text(part.surface)
        var remark = Value.null
        if has(.longMemos, 200) { remark = .text(String(repeating: "도면 특기사항 없음. ", count: 1_000)) }
        if has(.emoji, 50) { remark = .text("확인 필요 ⚠️🔧") }
        let hardness: Value = part.hardness.map { .integer($0) } ?? .null
        return [
            .text(part.code), .text(part.name), .text(part.family.name), .text(part.material.name),
            size(part.diameter), size(part.width), size(part.length), .number(Self.round(part.weight, 4)),
            .number(part.tolerance), hardness, .integer(part.holes), .integer(part.isThreaded ? 1 : 0),
            surface, .number(Double(Int(part.weight * 9_000 + 4_000) / 100 * 100)),
            .text(
                has(.badDates, 40)
                    ? "2024-03-00 00:00:00" : Self.date(day: 18_300 + part.index * 1_900 / max(request.items, 1))
            ),
            .integer(has(.unused, 3) ? 0 : 1), remark,
        ]
    }

    private mutating func size(_ value: Double) -> Value {
        guard request.traps.contains(.textNumbers) else { return .number(value) }
        let text = String(format: "%.1f", value)
        switch random.next() % 5 {
        case 0: return .text("φ\(text)")
        case 1: return .text("\(text)  ")
        case 2: return .text(String(text.unicodeScalars.map { Character(Unicode.Scalar($0.value + 0xfee0) ?? $0) }))
        case 3: return .text(value >= 1_000 ? "1,\(text.dropFirst())" : text)
        default: return .number(value)
        }
    }

    private func routingRow(
        _ item: String,
        _ sequence: Int,
        _ operation: Plant.Operation,
        _ setup: Double,
        _ run: Double
    ) -> [Value] {
        [
            .text(item), .text("01"), .integer(sequence), .text(operation.code), .text(operation.group),
            .integer(operation.isOutsourced ? 1 : 0), .number(Self.round(setup, 1)), .number(Self.round(run, 3)),
            operation.isOutsourced ? .integer(3) : .null,
        ]
    }

    private mutating func writeRouting(
        of item: String,
        _ steps: [Part.Step],
        _ write: (String, [Value]) throws -> Void
    ) rethrows {
        let isCounted = request.traps.contains(.mixedSequence) && random.next() % 2 == 0
        for (place, step) in steps.enumerated() {
            var run = step.run
            if request.traps.contains(.outliers), random.next() % 100 == 0 { run *= 10 }
            if request.traps.contains(.badTimes), random.next() % 50 == 0 { run = random.next() % 2 == 0 ? 0 : -run }
            let row = routingRow(item, isCounted ? place + 1 : (place + 1) * 10, step.operation, step.setup, run)
            try write("RoutingOperation", row)
            if request.traps.contains(.duplicates), random.next() % 60 == 0 { try write("RoutingOperation", row) }
        }
    }

    private mutating func writeOrder(
        _ number: Int,
        of item: String,
        _ steps: [Part.Step],
        _ write: (String, [Value]) throws -> Void
    ) rethrows {
        let code = String(format: "WO%07d", number)
        let lot = min(max(exp(log(36.5) + 1.34 * random.normal()), 1), 720).rounded()
        let isRework = random.unit() < 0.16
        // Minutes since 1970 at which the next operation begins.
        var clock = Double(19_400 * 1_440 + Int(random.next() % 1_000_000))
        let started = clock
        var path = steps
        if isRework, let step = steps.randomElement(using: &random) { path.append(step) }
        for (place, step) in path.enumerated() where !step.operation.isOutsourced {
            let spread = exp(0.2 * max(request.noise, 0.1) * random.normal())
            let work = step.run * lot * spread
            try report(code, (place + 1) * 10, step, "S", step.setup, 0, &clock, write)
            let rows = 1 + Int(random.next() % 4)
            for part in 0..<rows {
                let pieces = Int(lot) / rows + (part < Int(lot) % rows ? 1 : 0)
                let minutes = random.unit() < 0.002 ? 0 : work / Double(rows)
                try report(code, (place + 1) * 10, step, "D", minutes, pieces, &clock, write)
            }
            if random.unit() < 0.07 {
                try report(code, (place + 1) * 10, step, "B", 15 + 60 * random.unit(), 0, &clock, write)
            }
        }
        try write(
            "WorkOrder",
            [
                .text(code), .text(item), .text("01"), .integer(Int(lot)), .text(Self.moment(minute: started)),
                .text(random.next() % 10 == 0 ? "OPEN" : "CLOSED"), .integer(isRework ? 1 : 0),
            ]
        )
    }

    private mutating func report(
        _ order: String,
        _ sequence: Int,
        _ step: Part.Step,
        _ kind: String,
        _ minutes: Double,
        _ pieces: Int,
        _ clock: inout Double,
        _ write: (String, [Value]) throws -> Void
    ) rethrows {
        let end = clock + minutes
        let order = request.traps.contains(.orphans) && random.next() % 500 == 0 ? "WO-GONE" : order
        for _ in 0..<(random.unit() < (request.traps.contains(.duplicates) ? 0.05 : 0.011) ? 2 : 1) {
            resultID += 1
            try write(
                "WorkResult",
                [
                    .integer(resultID), .text(order), .integer(sequence), .text(step.operation.code),
                    .text(String(format: "%@-%02d", step.operation.group, 1 + Int(random.next() % 4))),
                    .text(String(format: "W%03d", 1 + Int(random.next() % 40))), .text(Self.moment(minute: clock)),
                    .text(Self.moment(minute: end)), .number(Self.round(minutes, 1)), .integer(pieces), .integer(0),
                    .text(kind),
                ]
            )
        }
        // The next report may begin before this one ends, as people write them.
        clock = random.unit() < 0.18 ? end - minutes * 0.2 : end + 30 * random.unit()
    }

    // MARK: - Values

    private static func round(_ value: Double, _ digits: Int) -> Double {
        let factor = pow(10, Double(digits))
        return (value * factor).rounded() / factor
    }

    private static func date(day: Int) -> String { moment(minute: Double(day) * 1_440) }

    /// `YYYY-MM-DD HH:MM:SS` of minutes since 1970, on the wall.
    private static func moment(minute: Double) -> String {
        let seconds = Int((minute * 60).rounded())
        let (day, second) = (seconds / 86_400, seconds % 86_400)
        // Days to a date of the Gregorian calendar (Howard Hinnant, 2013).
        let shifted = day + 719_468
        let era = shifted / 146_097
        let ofEra = shifted % 146_097
        let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let date = ofYear - (153 * month + 2) / 5 + 1
        let isNext = month >= 10
        return String(
            format: "%04d-%02d-%02d %02d:%02d:%02d",
            era * 400 + year + (isNext ? 1 : 0),
            isNext ? month - 9 : month + 3,
            date,
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}
