import CanonicalJSON
import DurableFiles
import Foundation
import RoutingDomain

/// A routing as a file holds it: a proposal, a routing that was shown, or one that a person wrote.
struct RoutingDocument {
    /// The greatest file.
    private static let limit = 16 << 20
    /// Parts that are kept as evidence, the nearest first; their whole number is kept beside them.
    private static let mostSimilar = 50

    var item: String?
    /// Nil where the file does not say it.
    var source: RoutingSource?
    var version: String?
    var title: String?
    var notes: String?
    var operations: JSONValue = .null
    var evidence: JSONValue?

    /// The JSON of a file, or of standard input for `-`.
    static func read(_ file: String) throws -> JSONValue {
        do {
            guard file == "-" else {
                try PlainFile.require(file, limit: limit)
                return try JSONReader.plain(DurableFile.read(file, limit: limit))
            }
            let bytes = try FileHandle.standardInput.read(upToCount: limit + 1) ?? Data()
            guard bytes.count <= limit else { throw failure("standard input has more than \(limit) bytes") }
            return try JSONReader.plain(bytes)
        } catch let error as JSONError {
            throw failure("\(file == "-" ? "standard input" : file) is not JSON: \(error.description)")
        }
    }

    /// Reads any of the three forms; `part` and `alternative` choose within a proposal, both from 1.
    init(_ document: JSONValue, part: Int?, alternative: Int?) throws {
        if let proposals = document["proposals"]?.elements {
            let proposal = try Self.chosen(proposals, "proposal", part ?? (proposals.count == 1 ? 1 : 0), "--part")
            try take(proposal, alternative ?? 1)
            version = document["version"]?.text
            return
        }
        guard part == nil, alternative == nil else {
            throw Self.failure("--part and --alternative choose within a proposal, and this is none")
        }
        if let shown = document["routing"]?.members {
            try take(plain: shown.filter { Self.members.contains($0.key) })
            source = .edited
        } else {
            try take(plain: document.members ?? ["document": document])
        }
    }

    private static let members: Set = ["item", "source", "version", "title", "notes", "operations", "evidence"]

    private mutating func take(plain given: [String: JSONValue]) throws {
        if let unknown = given.keys.filter({ !Self.members.contains($0) }).min() {
            throw Self.failure("the document has a member \"\(unknown.prefix(60))\", which is not known")
        }
        func text(_ name: String) throws -> String? {
            guard let value = given[name], value != .null else { return nil }
            guard let text = value.text else { throw Self.failure("\(name) is \(value.kind), not a text") }
            return text
        }
        (item, version, title, notes) = (try text("item"), try text("version"), try text("title"), try text("notes"))
        if let word = try text("source") {
            guard let known = RoutingSource(rawValue: word) else {
                throw Self.failure(
                    "source is \"\(word.prefix(60))\", not \(RoutingSource.texts.joined(separator: ", "))"
                )
            }
            source = known
        }
        (operations, evidence) = (given["operations"] ?? .null, given["evidence"])
    }

    private mutating func take(_ proposal: JSONValue, _ alternative: Int) throws {
        source = .proposed
        item = proposal["item"]?.text
        let proposed = proposal["operations"]?.elements ?? []
        operations = .array(proposed.map(Self.operation))
        if alternative != 1 {
            let others = proposal["alternatives"]?.elements ?? []
            let codes = try Self.chosen(others, "alternative", alternative - 1, "--alternative", from: 2)["operations"]
            let known = proposed + (proposal["other_operations"]?.elements ?? [])
            operations = .array(Self.operations(codes?.elements ?? [], outOf: known))
        }
        let similar = proposal["neighbours"]?.elements ?? []
        var evidence: [String: JSONValue] = [
            "alternative": .integer(alternative), "similar": .array(Array(similar.prefix(Self.mostSimilar))),
            "similar_count": .integer(similar.count),
        ]
        for name in ["confidence", "verdict"] { evidence[name] = proposal[name] }
        self.evidence = .object(evidence)
    }

    /// An operation with the minutes that are expected of it.
    private static func operation(_ proposed: JSONValue) -> JSONValue {
        var members: [String: JSONValue] = [:]
        for name in ["operation", "name", "sequence", "work_centres"] { members[name] = proposed[name] }
        for name in ["setup_minutes", "run_minutes"] { members[name] = proposed[name]?["expected"] }
        return .object(members)
    }

    /// The operations of an alternative: minutes belong to part and operation, wherever in the proposal the operation stands.
    private static func operations(_ codes: [JSONValue], outOf known: [JSONValue]) -> [JSONValue] {
        codes.enumerated().map { place, code in
            var members = known.first { $0["operation"] == code }.map(operation)?.members ?? ["operation": code]
            members["sequence"] = .integer((place + 1) * 10)
            return .object(members)
        }
    }

    private static func chosen(
        _ list: [JSONValue],
        _ what: String,
        _ number: Int,
        _ option: String,
        from first: Int = 1
    ) throws -> JSONValue {
        guard 1...max(list.count, 1) ~= number, !list.isEmpty else {
            let range = list.isEmpty ? "none" : "\(first) to \(list.count + first - 1)"
            throw failure("\(option) chooses one of \(list.count) \(what)s: it takes \(range)")
        }
        return list[number - 1]
    }

    private static func failure(_ words: String) -> Failure {
        Failure(
            "routing.document",
            words,
            hint: "give what `daybook ask PART --json` or `daybook routing show ID --json` prints, or "
                + "{\"operations\": [{\"operation\": \"…\", \"sequence\": 10, \"setup_minutes\": 12.5, \"run_minutes\": 1.25}]}",
            status: ExitStatus.badData
        )
    }
}
