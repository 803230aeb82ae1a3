internal import CommandHandling
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The audit trail: every event, searchable.
struct AuditRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [search] }

    private var search: Route {
        Listing<AuditRow>.route(
            "/api/v1/audit/search",
            "Every event that passes all filters, newest first",
            details:
                "since and until take a position, a time or a snapshot; a date begins with its start and ends with its end, in the "
                + "plant's zone.",
            home,
            access: .requires(.export),
            filters: [
                Parameter("type", .string(min: 1, max: 100), "Only this type."),
                Parameter("actor", .uuid, "Only by this pseudonym."),
                Parameter("correlation", .uuid, "Only of this chain of commands."),
                Parameter("category", .string(min: 1, max: 100), "Only of this category of streams."),
                Parameter("object", .string(min: 1, max: 200), "Only about this thing."),
                Parameter("words", .string(min: 1, max: 200), "Summary or reason must hold these words."),
                Parameter("since", .string(min: 1, max: 100), "From this moment on."),
                Parameter("until", .string(min: 1, max: 100), "Up to this moment, inclusive."),
                Parameter("from", .position, "From this position on."),
                Parameter("before", .position, "Before this position."),
                Parameter("order", .choice(["newest", "oldest"]), "Which come first; newest unless said."),
            ],
            people: ["actor"],
            takesMoment: true
        ) { db, request in
            let filter = try filter(request)
            let page = try Audit.page(
                db,
                filter,
                newestFirst: request.values["order"] != "oldest",
                after: request.afterPosition,
                limit: request.limit
            )
            return Listing.Page(page.rows, next: page.next.map { "\($0)" })
        }
    }

    /// Times become positions by the log: it is in the order of time.
    private func filter(_ request: Listing<AuditRow>.Request) throws -> AuditFilter {
        let values = request.values
        var filter = AuditFilter()
        filter.type = values["type"]
        filter.actor = values["actor"]
        filter.correlation = values["correlation"]
        filter.category = values["category"]
        filter.object = values["object"]
        filter.words = values["words"]
        let moments = try MomentReader(home.commands)
        let firsts = [values["from"].flatMap { Int($0) }, try values["since"].map { Int(try moments.start($0)) }]
        let ends = [
            values["before"].flatMap { Int($0) }, try values["until"].map { Int(try moments.checkpoint($0)) },
            request.before,
        ]
        filter.from = firsts.compactMap(\.self).max()
        filter.before = ends.compactMap(\.self).min()
        return filter
    }
}
