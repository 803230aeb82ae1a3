import CanonicalJSON
import ReadModels
import RoutingDomain

/// A saved routing as a process engineer reads it.
struct RoutingWords {
    private let row: RoutingRow
    private let revisions: RowPage<RoutingRevisionRow>
    private let name: (String) -> String

    /// The words of a routing; `name` tells who a pseudonym is.
    init(_ row: RoutingRow, _ revisions: RowPage<RoutingRevisionRow>, name: @escaping (String) -> String) {
        (self.row, self.revisions, self.name) = (row, revisions, name)
    }

    var text: String {
        var lines = ["\(row.item): routing \(row.routing), revision \(row.revision), \(origin)"]
        if row.status == "withdrawn" {
            lines.append(
                "WITHDRAWN \(Words.instant(row.withdrawnAt)) by \(name(row.withdrawnBy ?? "")): \(row.withdrawalReason ?? "-")"
            )
        }
        lines += [row.title, row.notes].compactMap(\.self)
        lines += ["", operations, "sum: set-up \(row.setupMinutes) min, run \(row.runMinutes) min a piece" + untimed]
        if let evidence { lines += ["", "from: \(evidence)"] }
        lines += ["", history]
        if revisions.next != nil { lines.append("and further revisions") }
        lines.append("version \(RoutingState.stream(row.routing))@\(row.streamVersion)")
        return lines.joined(separator: "\n")
    }

    private var origin: String {
        switch row.source {
        case "proposed": "as \(row.version ?? "-") proposed it"
        case "edited": "edited" + (row.version.map { ", proposed by \($0)" } ?? "")
        default: "written by hand"
        }
    }

    private var elements: [JSONValue] { row.operations.elements ?? [] }

    private var operations: String {
        TextTable(
            header: ["SEQ", "OPERATION", "WORK CENTRES", "MACHINE", "SET-UP MIN", "RUN MIN/PIECE"],
            rows: elements.map { operation in
                let (code, name) = (operation["operation"]?.text ?? "-", operation["name"]?.text ?? "")
                return [
                    operation["sequence"]?.number.map { "\($0)" } ?? "-",
                    name.isEmpty || name == code ? code : "\(code) \(name)",
                ]
                    + ["work_centres", "machine", "setup_minutes", "run_minutes"].map { operation[$0]?.text ?? "-" }
            },
            empty: "no operations"
        ).text
    }

    private var untimed: String {
        let count = elements.count { $0["run_minutes"] == nil }
        return count == 0 ? "" : " (\(count) of \(elements.count) operations have no known time)"
    }

    private var evidence: String? {
        guard let evidence = row.evidence else { return nil }
        let near = (evidence["similar"]?.elements ?? []).prefix(5).compactMap { $0["item"]?.text }
        let words = [
            evidence["confidence"]?.text.map { "confidence \($0)" }, evidence["verdict"]?.text,
            evidence["alternative"]?.number.flatMap { $0 > 1 ? "alternative \($0)" : nil },
            near.isEmpty ? nil : "similar to " + near.joined(separator: ", "),
            evidence["similar_count"]?.number.flatMap { $0 > near.count ? "\($0) parts in all" : nil },
            evidence["request_id"]?.text.map { "request \($0)" },
        ]
        return words.compactMap(\.self).joined(separator: ", ")
    }

    private var history: String {
        TextTable(
            header: ["REVISION", "SAVED", "BY", "SOURCE", "SET-UP MIN", "RUN MIN/PIECE", "REASON"],
            rows: revisions.rows.map { revision in
                [
                    "\(revision.revision)", Words.instant(revision.savedAt), name(revision.savedBy), revision.source,
                    revision.setupMinutes, revision.runMinutes, Words.short(revision.reason),
                ]
            },
            empty: ""
        ).text
    }
}
