import CanonicalJSON
import Foundation

/// A proposal as a process engineer reads it, out of the document that programs get.
struct ProposalWords {
    private let proposal: JSONValue
    private let row: Int

    /// The proposal of the part asked for at a place.
    init(_ proposal: JSONValue, row: Int) { (self.proposal, self.row) = (proposal, row) }

    var text: String {
        let sure = "\(Self.text(proposal["confidence"].double * 100, 0)) %"
        var lines: [String]
        switch proposal["verdict"]?.text {
        case "accepted": lines = ["\(title): routing proposed; at most one operation to change with \(sure)"]
        case "review": lines = ["\(title): routing to be REVIEWED; at most one operation to change with \(sure)"]
        default:
            lines = ["\(title): NO RECOMMENDATION; at most one operation to change with only \(sure). What is nearest:"]
        }
        lines += ["", table, "sum: \(Self.sum(operations))"]
        if !differences.isEmpty { lines += ["", "where similar parts differ:"] + differences }
        if !others.isEmpty { lines += ["", "other ways:"] + others }
        lines += ["", "from: \(evidence)"]
        lines += remarks
        return lines.joined(separator: "\n")
    }

    private func list(_ name: String) -> [JSONValue] { proposal[name]?.elements ?? [] }
    private var operations: [JSONValue] { list("operations") }
    private var title: String { proposal["item"]?.text ?? "part \(row + 1)" }

    private var table: String {
        TextTable(
            header: [
                "#", "OPERATION", "SET-UP MIN", "4 OF 5 WITHIN", "RUN MIN/PIECE", "4 OF 5 WITHIN", "OF SIMILAR PARTS",
            ],
            rows: operations.enumerated().map { place, operation in
                let (setup, run) = (operation["setup_minutes"], operation["run_minutes"])
                return [
                    "\(place + 1)", Self.name(operation), Self.minutes(setup?["expected"]), Self.range(setup),
                    Self.minutes(run?["expected"]), Self.range(run), Self.percent(operation["share"]),
                ]
            },
            empty: "no part with a routing is near"
        ).text
    }

    private var differences: [String] {
        list("expansions").map { expansion in
            let choices = (expansion["choices"]?.elements ?? []).map { choice in
                "\(choice["operation"]?.text == nil ? "leave it out" : Self.name(choice)) \(Self.percent(choice["share"]))"
            }
            let place = expansion["place"]?.number ?? 0
            let words =
                expansion["is_insertion"] == .bool(true)
                ? (place == 0 ? "before 1" : "after \(place)") : "at \(place + 1)"
            return "  \(words): \(choices.joined(separator: ", "))"
        }
    }

    private var others: [String] {
        let known = operations + list("other_operations")
        return list("alternatives").prefix(4).flatMap { alternative in
            let origin = alternative["origin"] == "consensus" ? "common ground" : Self.percent(alternative["share"])
            let codes = alternative["operations"]?.elements ?? []
            let work = codes.map { code in known.first { $0["operation"] == code } ?? .null }
            return [
                "  \(origin): \(codes.compactMap(\.text).joined(separator: " > "))", "    \(Self.sum(work))",
            ]
        }
    }

    private static func sum(_ operations: [JSONValue]) -> String {
        func known(_ minutes: String) -> [Double] { operations.compactMap { $0[minutes]?["expected"]?.double } }
        let (setups, runs) = (known("setup_minutes"), known("run_minutes"))
        return "set-up \(text(setups.reduce(0, +), 0)) min, run \(text(runs.reduce(0, +), 1)) min a piece"
            + (runs.count < operations.count ? " (operations without a known time not counted)" : "")
    }

    private var evidence: String {
        let near = list("neighbours").prefix(5).map {
            "\($0["item"]?.text ?? "-") (\(Self.text($0["distance"].double.squareRoot(), 2)))"
        }
        let more = list("neighbours").count - near.count
        return near.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    private var remarks: [String] {
        list("remarks").map { remark in
            let feature = remark["feature"]?.text ?? "-"
            return switch remark["kind"]?.text {
            case "missing": "not told: \(feature)"
            case "unseen": "never seen in training: \(feature) \(remark["value"]?.text ?? "")"
            default: "beyond all of training: \(feature) \(Self.text(remark["value"].double, 3))"
            }
        }
    }

    private static func name(_ operation: JSONValue) -> String {
        let (code, name) = (operation["operation"]?.text ?? "-", operation["name"]?.text ?? "")
        return code == name || name.isEmpty ? code : "\(code) \(name)"
    }

    private static func minutes(_ value: JSONValue?) -> String {
        guard let value, value != .null else { return "-" }
        return text(value.double, value.double < 10 ? 2 : 1)
    }

    private static func range(_ range: JSONValue?) -> String {
        guard let range, range != .null else { return "" }
        return "\(minutes(range["low"])) to \(minutes(range["high"]))"
    }

    private static func percent(_ share: JSONValue?) -> String { "\(text(share.double * 100, 0)) %" }

    private static func text(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

extension JSONValue? {
    /// The number that stands there; 0 where none does.
    fileprivate var double: Double { self?.double ?? 0 }
}

extension JSONValue {
    fileprivate var double: Double {
        switch self {
        case .integer(let number): Double(number)
        case .decimal(let text), .string(let text): Double(text) ?? 0
        default: 0
        }
    }
}
