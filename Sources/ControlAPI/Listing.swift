internal import CanonicalJSON
internal import Exporting
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// A list of rows as a route: paged by key, filtered, as of a moment where the read model can say, whole as CSV or JSON Lines.
struct Listing<Row: ReadModelRow>: Sendable {
    /// What a page is asked for.
    struct Request: Sendable {
        /// Values of the route's own parameters, path and query.
        let values: [String: String]
        /// Where the page before ended, as that page gave it.
        let after: String?
        let limit: Int
        /// The checkpoint that journals end at; nil for now.
        let before: Int?
        /// The instant of the request, as rows spell it.
        let now: String

        /// The position that the page before ended at.
        var afterPosition: Int? { after.flatMap { Int($0) } }
    }

    /// Rows and the key that the next page begins after; nil on the last.
    struct Page: Sendable {
        let rows: [Row]
        let next: String?

        init(_ rows: [Row], next: String?) {
            self.rows = rows
            self.next = next
        }

        init(_ page: RowPage<Row>) { self.init(page.rows, next: page.next.map { "\($0)" }) }

        /// A page of rows fetched with one more than the limit.
        init(_ fetched: [Row], limit: Int, key: (Row) -> String) {
            rows = Array(fetched.prefix(limit))
            next = fetched.count > limit ? rows.last.map(key) : nil
        }
    }

    let home: ControlHome
    /// The columns that hold pseudonyms; names are told beside them.
    let people: [String]
    /// Whether the rows depend on nothing but the checkpoint.
    let isRemembered: Bool
    let page: @Sendable (Database, Request) throws -> Page

    private static var columns: [String] { EventField.fields(of: Row.self).map(\.name) }

    /// The route.
    ///
    /// `takesMoment` says whether the rows can be asked for as of a moment.
    static func route(
        _ path: String,
        _ summary: String,
        details: String = "",
        _ home: ControlHome,
        access: Access = .requires(.read),
        path pathParameters: [Parameter] = [],
        filters: [Parameter] = [],
        people: [String] = [],
        after: Schema = .position,
        takesMoment: Bool = false,
        isRemembered: Bool = true,
        page: @escaping @Sendable (Database, Request) throws -> Page
    ) -> Route {
        let listing = Listing(home: home, people: people, isRemembered: isRemembered, page: page)
        let words = takesMoment ? "" : "Shows the present only: what these rows are about is not kept as of a moment."
        return Route(
            .get,
            path,
            summary,
            details: [details, words].filter { !$0.isEmpty }.joined(separator: " "),
            access: access,
            path: pathParameters,
            query: filters + [
                Parameter("limit", .integer(1...1_000), "At most so many rows; 100 unless said."),
                Parameter("after", after, "Go on behind what the page before gave as `next`."),
                Parameter(
                    "format",
                    .choice(["json", "csv", "jsonl"]),
                    "csv and jsonl give every row, without a limit."
                ),
                Reading.minimum,
            ] + (takesMoment ? [Reading.at] : []),
            answers: [
                AnswerRule(200, "A page; as CSV or JSON Lines every row.", shape),
                AnswerRule(200, "", .string(max: 1 << 30), mediaType: "text/csv"),
                AnswerRule(200, "", .string(max: 1 << 30), mediaType: "application/x-ndjson"),
            ],
            problems: ["rejected.invalid", "busy", "storage"]
                + (takesMoment || !pathParameters.isEmpty ? ["rejected.unknown"] : [])
        ) { call in
            try await listing.answer(call)
        }
    }

    private static var shape: Schema {
        .object([
            Schema.Member("items", .array(Shapes.row(Row.self), max: 1_010), "The rows."),
            Schema.Member("next", .string(max: 100), "Pass as `after`; absent on the last page.", isOptional: true),
            Schema.Member("checkpoint", .position, "Events before this position are in the rows."),
            Schema.Member("people", Reading.namesShape, "Names behind pseudonyms."),
        ])
    }

    private func answer(_ call: Call) async throws -> Answer {
        let source = try await Reading(home: home).source(of: call)
        let values = call.path.merging(call.query) { $1 }
        let limit = call.query["limit"].flatMap { Int($0) } ?? 100
        let (now, page) = (home.now.description, page)
        @Sendable func request(after: String?, _ limit: Int) -> Request {
            Request(values: values, after: after, limit: limit, before: source.pastCheckpoint, now: now)
        }
        guard let format = call.query["format"], format != "json" else {
            let checkpoint = source.checkpoint
            let asked = isRemembered && source.pastCheckpoint == nil ? call.asked : nil
            if let asked, let bytes = home.answers.bytes(for: asked, at: checkpoint) {
                return .json(bytes, cacheHit: true)
            }
            let first = request(after: call.query["after"], limit)
            let rows = try await source.read { try page($0, first) }
            let bytes = KeptBytes(Array(json(rows, checkpoint: Int(checkpoint)).prettyText.utf8))
            if let asked { home.answers.keep(bytes, for: asked, at: checkpoint) }
            return .json(bytes, cacheHit: asked == nil ? nil : false)
        }
        let isCSV = format == "csv"
        let name = call.path.isEmpty ? "list" : "rows"
        return Answer(
            headers: ["Content-Disposition": "attachment; filename=\"daybook-\(name).\(format)\""],
            body: .stream(type: isCSV ? "text/csv; charset=utf-8" : "application/x-ndjson") { sink in
                if isCSV { try await sink.write(header) }
                var after = call.query["after"]
                repeat {
                    let next = request(after: after, 500)
                    let rows = try await source.read { try page($0, next) }
                    try await sink.write(isCSV ? csv(rows.rows) : lines(rows.rows))
                    after = rows.next
                } while after != nil
            }
        )
    }

    private func json(_ page: Page, checkpoint: Int) -> JSONValue {
        let rows = page.rows.map(\.json)
        var named: Set<String> = []
        for row in rows { for column in people { if let text = row[column]?.text { named.insert(text) } } }
        var members: [String: JSONValue] = [
            "items": .array(rows), "checkpoint": .integer(checkpoint), "people": Reading(home: home).names(of: named),
        ]
        members["next"] = page.next.map { .string($0) }
        return .object(members)
    }

    private var header: [UInt8] {
        var bytes: [UInt8] = [0xef, 0xbb, 0xbf]
        CSVText.append(row: Self.columns + people.map { "\($0)_name" }, to: &bytes)
        return bytes
    }

    private func csv(_ rows: [Row]) -> [UInt8] {
        var bytes: [UInt8] = []
        for row in rows {
            let json = row.json
            let values = Self.columns.map { json[$0].map(Self.text) }
            CSVText.append(row: values + people.map { json[$0]?.text.map(home.name) }, to: &bytes)
        }
        return bytes
    }

    private func lines(_ rows: [Row]) throws -> [UInt8] {
        try rows.flatMap { try $0.json.canonicalBytes() + [UInt8(ascii: "\n")] }
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text), .decimal(let text): text
        case .null: ""
        default: (try? value.canonicalText()) ?? ""
        }
    }
}

extension Answer {
    /// A JSON document that is written already; `cacheHit` says whether it was before.
    fileprivate static func json(_ bytes: KeptBytes, cacheHit: Bool?) -> Answer {
        var answer = Answer(body: .kept(bytes, type: "application/json"))
        answer.notes.cacheHit = cacheHit
        return answer
    }
}

extension Call {
    /// Route and parameters as one text; two requests of one text ask for the same.
    fileprivate var asked: String {
        let values = path.merging(query) { $0 + "\u{0}" + $1 }.sorted { $0.key < $1.key }
        return ([route] + values.map { "\($0.key)=\($0.value)" }).joined(separator: "\u{0}")
    }
}
