import CanonicalJSON
import Foundation
import PlantTables
import RoutingModel

/// A proposal as a process engineer reads it, and as programs do.
struct ProposalWords {
    private let model: TrainedModel
    private let asked: PlantTable
    private let row: Int
    private let proposal: RoutingProposal

    init(_ model: TrainedModel, _ asked: PlantTable, row: Int, _ proposal: RoutingProposal) {
        (self.model, self.asked, self.row, self.proposal) = (model, asked, row, proposal)
    }

    // MARK: - Text

    var text: String {
        let sure = "\(Self.number(proposal.confidence * 100, 0)) %"
        var lines: [String]
        switch proposal.verdict {
        case .accepted: lines = ["\(title): routing proposed; at most one operation to change with \(sure)"]
        case .review: lines = ["\(title): routing to be REVIEWED; at most one operation to change with \(sure)"]
        case .none:
            lines = ["\(title): NO RECOMMENDATION; at most one operation to change with only \(sure). What is nearest:"]
        }
        lines += ["", table]
        let runs = proposal.operations.compactMap { $0.run?.expected }
        let setups = proposal.operations.compactMap { $0.setup?.expected }
        lines.append(
            "sum: set-up \(Self.number(setups.reduce(0, +), 0)) min, run \(Self.number(runs.reduce(0, +), 1)) min a piece"
                + (runs.count < proposal.operations.count ? " (operations without a known time not counted)" : "")
        )
        if !proposal.expansions.isEmpty { lines += ["", "where similar parts differ:"] + differences }
        if !proposal.alternatives.isEmpty { lines += ["", "other ways:"] + others }
        lines += ["", "from: \(evidence)"]
        lines += oddities
        return lines.joined(separator: "\n")
    }

    private var title: String { asked.texts("ITEM_CD")?[row] ?? "part \(row + 1)" }

    private var table: String {
        TextTable(
            header: [
                "#", "OPERATION", "SET-UP MIN", "4 OF 5 WITHIN", "RUN MIN/PIECE", "4 OF 5 WITHIN", "OF SIMILAR PARTS",
            ],
            rows: proposal.operations.enumerated().map { place, operation in
                [
                    "\(place + 1)", name(operation.operation), Self.minutes(operation.setup?.expected),
                    Self.range(operation.setup), Self.minutes(operation.run?.expected), Self.range(operation.run),
                    Self.percent(operation.share),
                ]
            },
            empty: "no part with a routing is near"
        ).text
    }

    private var differences: [String] {
        proposal.expansions.map { expansion in
            let choices = expansion.choices.map { choice in
                "\(choice.operation.map { name($0) } ?? "leave it out") \(Self.percent(choice.share))"
            }
            let place =
                expansion.isInsertion
                ? (expansion.place == 0 ? "before 1" : "after \(expansion.place)") : "at \(expansion.place + 1)"
            return "  \(place): \(choices.joined(separator: ", "))"
        }
    }

    private var others: [String] {
        proposal.alternatives.prefix(4).map { alternative in
            let origin = alternative.origin == .consensus ? "common ground" : Self.percent(alternative.share)
            return
                "  \(origin): \(alternative.operations.map { model.operations.codes[Int($0)] }.joined(separator: " > "))"
        }
    }

    private var evidence: String {
        let near = proposal.neighbours.prefix(5).map {
            "\(model.items[$0.part]) (\(Self.number($0.distance.squareRoot(), 2)))"
        }
        let more = proposal.neighbours.count - near.count
        return near.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    private var oddities: [String] {
        model.encoder.oddities(of: asked, row: row).map { feature, oddity in
            switch oddity {
            case .missing: "not told: \(feature)"
            case .unseen(let word): "never seen in training: \(feature) \(word)"
            case .outside(let value): "beyond all of training: \(feature) \(Self.number(value, 3))"
            }
        }
    }

    // MARK: - JSON

    var json: JSONValue {
        let operations = proposal.operations.enumerated().map { place, operation -> JSONValue in
            [
                "sequence": .integer((place + 1) * 10), "operation": code(operation.operation),
                "name": .string(model.operations.names[Int(operation.operation)]),
                "setup_minutes": Self.json(operation.setup), "run_minutes": Self.json(operation.run),
                "share": Self.decimal(operation.share, 4),
            ]
        }
        let alternatives = proposal.alternatives.map { alternative -> JSONValue in
            [
                "origin": .string(alternative.origin.rawValue), "share": Self.decimal(alternative.share, 4),
                "operations": .array(alternative.operations.map { code($0) }),
            ]
        }
        let expansions = proposal.expansions.map { expansion -> JSONValue in
            let choices = expansion.choices.map { choice -> JSONValue in
                ["operation": choice.operation.map { code($0) } ?? .null, "share": Self.decimal(choice.share, 4)]
            }
            return [
                "place": .integer(expansion.place), "is_insertion": .bool(expansion.isInsertion),
                "choices": .array(choices),
            ]
        }
        let neighbours = proposal.neighbours.map { neighbour -> JSONValue in
            [
                "item": .string(model.items[neighbour.part]), "distance": Self.decimal(neighbour.distance, 6),
                "weight": Self.decimal(neighbour.weight, 4),
            ]
        }
        return [
            "item": asked.texts("ITEM_CD")?[row].map { .string($0) } ?? .null,
            "verdict": .string(proposal.verdict.rawValue), "confidence": Self.decimal(proposal.confidence, 4),
            "operations": .array(operations), "alternatives": .array(alternatives), "expansions": .array(expansions),
            "neighbours": .array(neighbours), "remarks": .array(oddities.map { .string($0) }),
        ]
    }

    private func code(_ operation: UInt16) -> JSONValue { .string(model.operations.codes[Int(operation)]) }

    private func name(_ operation: UInt16) -> String {
        let (code, name) = (model.operations.codes[Int(operation)], model.operations.names[Int(operation)])
        return code == name ? code : "\(code) \(name)"
    }

    private static func json(_ range: MinutesRange?) -> JSONValue {
        guard let range else { return .null }
        return ["expected": decimal(range.expected, 3), "low": decimal(range.low, 3), "high": decimal(range.high, 3)]
    }

    private static func decimal(_ value: Double, _ digits: Int) -> JSONValue { .decimal(number(value, digits)) }

    private static func minutes(_ value: Double?) -> String { value.map { number($0, $0 < 10 ? 2 : 1) } ?? "-" }

    private static func range(_ range: MinutesRange?) -> String {
        range.map { "\(minutes($0.low)) to \(minutes($0.high))" } ?? ""
    }

    private static func percent(_ share: Double) -> String { "\(number(share * 100, 0)) %" }

    private static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
