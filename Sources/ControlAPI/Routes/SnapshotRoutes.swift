internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import GRDB
internal import Projecting
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Named moments, what differs between two, and the way back to one.
struct SnapshotRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let moment = Schema.string(min: 1, max: 100)

    var all: [Route] { [list, show, create, diff, preview, restore] }

    private var list: Route {
        Listing<SnapshotRow>.route(
            "/api/v1/snapshots",
            "The moments that have a name, newest first",
            home,
            people: ["actor"],
            takesMoment: true
        ) { db, request in
            let rows = try Snapshots.list(
                db,
                before: request.afterPosition ?? request.before,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit) { "\($0.position)" }
        }
    }

    private var show: Route {
        Route.one(
            "/api/v1/snapshots/{name}",
            "One named moment",
            home,
            of: SnapshotRow.self,
            path: [Parameter("name", .string(min: 1, max: 60), "The snapshot's name.")],
            people: ["actor"]
        ) { db, call in
            try Snapshots.show(db, name: call.path["name"] ?? "")
        }
    }

    private var create: Route {
        Route.write(
            .post,
            "/api/v1/snapshots",
            "Give a moment a name; it never moves",
            access: .requires(.operate),
            body: [
                Schema.Member("name", .string(min: 1, max: 60), "a-z, 0-9, '.', '_', '-', not a number."),
                Schema.Member(
                    "at",
                    Self.moment,
                    "Position, time or snapshot; now where it is left out.",
                    isOptional: true
                ),
                Writing.optionalReason,
            ]
        ) { call in
            let (name, at) = (call.text("name"), call.json["at"]?.text ?? "now")
            let checkpoint = try await home.checkpoint(at)
            let command = CreateSnapshot(snapshot: name, checkpoint: Int(checkpoint))
            // "now" is another checkpoint each time, and yet the same thing asked for.
            let asked = at == "now" ? CreateSnapshot(snapshot: name, checkpoint: -1) : command
            return try await writing.send(
                command,
                call,
                asAsked: try asked.canonicalBytes(),
                read: "/api/v1/snapshots/\(name)"
            )
        }
    }

    private var diff: Route {
        Route(
            .get,
            "/api/v1/moments/diff",
            "What differs between two moments, over every read model",
            access: .requires(.read),
            query: [
                Parameter("from", Self.moment, "The earlier moment: position, time or snapshot.", isRequired: true),
                Parameter("to", Self.moment, "The later one; now where it is left out."),
            ],
            answers: [AnswerRule(200, "The rows that differ, and journals that grew.", Self.difference)],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let from = try await home.checkpoint(call.query["from"] ?? "")
            let to = try await home.checkpoint(call.query["to"] ?? "now")
            let (first, second) = (
                try await home.projector.readModels(asOf: from), try await home.projector.readModels(asOf: to)
            )
            let difference = try await home.blocking {
                try first.reader.read { before in
                    try second.reader.read { after in
                        try ReadModelDiff.between(
                            Moment(db: before, checkpoint: Int(from)),
                            Moment(db: after, checkpoint: Int(to))
                        )
                    }
                }
            }
            var members = difference.json.members ?? [:]
            members["from"] = .integer(Int(from))
            members["to"] = .integer(Int(to))
            return .json(.object(members))
        }
    }

    private static let difference = Schema.object([
        Schema.Member("from", .position, "The earlier checkpoint."),
        Schema.Member("to", .position, "The later checkpoint."),
        Schema.Member(
            "rows",
            .array(
                .object([
                    Schema.Member("read_model", .string(max: 100), "Whose row it is."),
                    Schema.Member("key", .string(max: 1_000), "The row's key."),
                    Schema.Member("kind", .choice(["added", "removed", "changed"]), "What became of it."),
                    Schema.Member("changes", ChangeShapes.values, "Its columns that differ."),
                ]),
                max: 100_000
            ),
            "Rows of states, in order of read model and key."
        ),
        Schema.Member(
            "journals",
            .array(
                .object([
                    Schema.Member("read_model", .string(max: 100), "The journal."),
                    Schema.Member("before", .position, "Its rows at the earlier moment."),
                    Schema.Member("after", .position, "Its rows at the later one."),
                ]),
                max: 100
            ),
            "Journals that differ in length."
        ),
    ])

    private var preview: Route {
        Route(
            .get,
            "/api/v1/moments/preview",
            "What going back to a moment would change; nothing is changed",
            details: "Registrations, people, tasks, routings, approvals, snapshots and the log itself always stay.",
            access: .requires(.read),
            query: [Parameter("to", Self.moment, "Position, time or snapshot.", isRequired: true)],
            answers: [
                AnswerRule(
                    200,
                    "The events that a restore would append; none where all is as it was.",
                    .object([
                        Schema.Member("checkpoint", .position, "The moment."),
                        Schema.Member("events", Writing.events, "What would be recorded."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "storage"]
        ) { call in
            let checkpoint = try await home.checkpoint(call.query["to"] ?? "")
            let sender = try writing.sender(call, reason: "preview")
            let commands = home.commands
            let decided = try await home.blocking {
                do {
                    return try commands.preview(RestoreMoment(checkpoint: Int(checkpoint)), by: sender, isDryRun: true)
                } catch {
                    guard (error as? Rejection)?.rule == "restore.no-change" else { throw error }
                    return []
                }
            }
            let events = try decided.map { JSONValue.object(try Writing.members($0)) }
            return .json(["checkpoint": .integer(Int(checkpoint)), "events": .array(events)])
        }
    }

    private var restore: Route {
        Route.write(
            .post,
            "/api/v1/moments/restore",
            "Bring activation and both configs back to a moment, all at once",
            details:
                "This is signed, and made of new events. The files of a version that becomes active by it are verified first.",
            access: .requires(.operate),
            body: [Schema.Member("to", Self.moment, "Position, time or snapshot."), Writing.reason, Writing.password],
            isGated: true,
            problems: ["auth.password", "auth.throttled", "busy", "model.altered", "model.gate"]
        ) { call in
            let command = RestoreMoment(checkpoint: Int(try await home.checkpoint(call.text("to"))))
            let sender = try writing.sender(call, reason: call.json["reason"]?.text)
            return try await writing.send(
                command,
                call,
                isSigned: true,
                read: "/api/v1/activation",
                check: {
                    for case let event as ModelActivated in try home.commands.preview(command, by: sender).map(\.event)
                    {
                        _ = try await home.requireGates(
                            event.version,
                            isExternal: event.isExternal,
                            withQuality: false
                        )
                    }
                }
            )
        }
    }
}

extension ControlHome {
    /// The checkpoint of a moment as people name it; throws ``RoutingDomain/Rejection`` for anything else.
    func checkpoint(_ moment: String) async throws -> Position {
        let handler = commands
        return try await blocking { try MomentReader(handler).checkpoint(moment) }
    }
}
