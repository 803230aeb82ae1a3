internal import CanonicalJSON
internal import Exporting
internal import Projecting
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The starts of long works, one route for each kind: each answers 202 with the job.
struct JobStartRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [verify, bundle, events, logbook, backup, drill, rebuild, training] }

    /// A position, a time, or the name of a snapshot; no path of a file can be written so.
    private static let moment = Schema.string(min: 1, max: 60, pattern: "[A-Za-z0-9][A-Za-z0-9._:+-]*")
    private static let day = Schema.string(min: 10, max: 10, pattern: "[0-9]{4}-[0-9]{2}-[0-9]{2}")
    private static let identifier = Schema.string(min: 1, max: 60, pattern: "[a-z0-9][a-z0-9._-]*")
    private static let categories = Schema.Member(
        "only",
        .array(.string(min: 1, max: 60, pattern: "[a-z0-9][a-z0-9._]*"), max: 100),
        "Only these categories of streams, for example activation and config.",
        isOptional: true
    )

    private func route(
        _ kind: JobKind,
        _ path: String,
        _ summary: String,
        details: String = "",
        path pathParameters: [Parameter] = [],
        parameters: [Schema.Member],
        check: @escaping @Sendable (Call) async throws -> [String: JSONValue] = { _ in [:] }
    ) -> Route {
        Route(
            .post,
            path,
            summary,
            details: details,
            access: .requires(kind.permission),
            path: pathParameters,
            headers: Writing.headers,
            body: .json(.object(parameters + [Writing.reason])),
            answers: JobStart.answers,
            problems: JobStart.problems
        ) { call in
            var members = call.json.members ?? [:]
            members["reason"] = nil
            let further = try await check(call)
            return try await JobStart(home: home).start(kind, .object(members.merging(further) { $1 }), call)
        }
    }

    private var verify: Route {
        route(
            .verify,
            "/api/v1/verify",
            "Have the log verified, and everything that follows from it",
            parameters: [
                Schema.Member("log_only", .boolean, "Only the log itself.", isOptional: true),
                Schema.Member(
                    "all_heads",
                    .boolean,
                    "Every tree head, not only the newest, those at a change of keys and one a day.",
                    isOptional: true
                ),
            ]
        )
    }

    private var bundle: Route {
        route(
            .auditBundle,
            "/api/v1/audit/bundle",
            "Make an audit bundle",
            details: "One tar that verify_bundle.py in it checks offline. That it was made is an event.",
            parameters: [
                Schema.Member("from", Self.moment, "The first position, or a time; all unless said.", isOptional: true),
                Schema.Member(
                    "held_head",
                    .string(min: 1, max: 4_096),
                    "The tree head that the auditor holds, as a note: from there on.",
                    isOptional: true
                ),
                Schema.Member("to", Self.moment, "Up to this position, time or snapshot.", isOptional: true),
                Self.categories,
                Schema.Member("names", .boolean, "Put the names of persons in it; true unless said.", isOptional: true),
            ]
        ) { call in
            guard call.json["from"] == nil || call.json["held_head"] == nil else {
                throw Problem(
                    ControlProblems.invalid,
                    "from and held_head exclude each other.",
                    facts: ["field": "held_head", "rule": "job.parameters"]
                )
            }
            return [:]
        }
    }

    private var events: Route {
        route(
            .eventsExport,
            "/api/v1/exports/events",
            "Export events as CSV or JSON Lines",
            details: "The file names its range, count and digest. That it was made is an event.",
            parameters: [
                Schema.Member("format", .choice(ExportFormat.ofEvents.map(\.rawValue)), "The format."),
                Schema.Member("from", .position, "The first position.", isOptional: true),
                Schema.Member("to", Self.moment, "Up to this position, time or snapshot.", isOptional: true),
                Self.categories,
            ]
        )
    }

    private var logbook: Route {
        route(
            .logbookExport,
            "/api/v1/exports/logbook",
            "Export the sprint logbook",
            details: "pdf needs WeasyPrint on the server and holds up to 2,000 entries. That it was made is an event.",
            parameters: [
                Schema.Member("format", .choice(ExportFormat.allCases.map(\.rawValue)), "The format."),
                Schema.Member("sprint", Self.identifier, "Only this sprint or wave.", isOptional: true),
                Schema.Member("task", Self.identifier, "Only this task.", isOptional: true),
                Schema.Member("from_day", Self.day, "Only from this day on.", isOptional: true),
                Schema.Member("to_day", Self.day, "Only up to this day.", isOptional: true),
            ]
        )
    }

    private var backup: Route {
        route(
            .backup,
            "/api/v1/backups",
            "Make a backup while others work",
            details:
                "It holds the home without its keys: `daybook keys backup` carries those, never over HTTP. Where jobs.backup-folder is "
                + "set it stands there; else it is a file of the job, to be fetched before that is removed.",
            parameters: []
        )
    }

    private var drill: Route {
        route(
            .backupDrill,
            "/api/v1/backups/drill",
            "Restore a backup beside the home and compare it with the log",
            details: "A failed drill is an event too; then the job has failed.",
            parameters: [
                Schema.Member(
                    "backup",
                    .uuid,
                    "The job that made it; else the newest of jobs.backup-folder, or of the last job that made one.",
                    isOptional: true
                )
            ]
        )
    }

    private var training: Route {
        route(
            .training,
            "/api/v1/trainings",
            "Train a model and register it, inactive",
            details:
                "On the source that the trainer's settings name (source.location): no caller gives a path of the server. One run at a "
                + "time: a second waits for a minute. Each step is an event; the job's result names the version and the run.",
            parameters: [
                Schema.Member(
                    "version",
                    .string(min: 12, max: 17, pattern: "[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}_[1-9][0-9]{0,5}"),
                    "The version; today's next build unless said.",
                    isOptional: true
                ),
                Schema.Member("notes", .string(min: 1, max: 1_000), "Notes for the registry.", isOptional: true),
                Schema.Member(
                    "resume",
                    .uuid,
                    "The run to go on from: one that failed, was killed or called off.",
                    isOptional: true
                ),
            ]
        )
    }

    private var rebuild: Route {
        route(
            .rebuild,
            "/api/v1/projections/{name}/rebuild",
            "Derive read models again from the log",
            details:
                "`all` means all. The server does it itself: readers get the old rows until the new ones stand, and rows of new "
                + "events come after that. Without dry_run nothing changes on a healthy home.",
            path: [Parameter("name", .string(min: 1, max: 60), "The projection, or all.")],
            parameters: [
                Schema.Member("dry_run", .boolean, "Only say what would change.", isOptional: true)
            ]
        ) { call in
            let name = call.path["name"] ?? ""
            let known = try await home.registry.read { try ProjectionStates.list($0).map(\.name) }
            guard name == "all" || known.contains(name) else {
                throw Problem(
                    ControlProblems.unknown,
                    "There is no projection \(name).",
                    hint: "the list of projections shows them"
                )
            }
            return ["projections": name == "all" ? [] : [.string(name)]]
        }
    }
}
