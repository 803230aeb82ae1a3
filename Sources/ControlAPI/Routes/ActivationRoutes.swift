internal import CanonicalJSON
internal import CommandHandling
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Which version is active, since when, by whom; and the way back.
struct ActivationRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }

    var all: [Route] { [active, history, rollBack] }

    private var active: Route {
        Route(
            .get,
            "/api/v1/activation",
            "The active version",
            details:
                "The ETag names the version of the stream of activations: send it in If-Match to act on what was read. `barrier` tells how "
                + "far the inference workers have followed; it changes without the ETag, so a 304 says nothing of it.",
            access: .requires(.read),
            query: [Reading.minimum, Reading.at, Self.wait],
            headers: [Parameter("if-none-match", .string(min: 1, max: 200), "Answer 304 if it is still this version.")],
            answers: [
                AnswerRule(
                    200,
                    "The activation that is in force.",
                    .object([
                        Schema.Member(
                            "item",
                            Shapes.row(ActivationRow.self),
                            "Absent before the first one.",
                            isOptional: true
                        ),
                        Schema.Member(
                            "barrier",
                            Self.barrier,
                            "How far the workers have followed; absent for a past moment.",
                            isOptional: true
                        ),
                        Schema.Member("stream_version", .position, "How many activations there were."),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                        Schema.Member("people", Reading.namesShape, "Names behind pseudonyms."),
                    ])
                ),
                AnswerRule(304, "It is still that version.", nil),
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let reading = Reading(home: home)
            let source = try await reading.source(of: call)
            let checkpoint = source.checkpoint
            // Waited for first, so that everything else is of the moment at which the wait ended.
            let seconds = call.query["wait"].flatMap { Int($0) }
            let barrier = source.pastCheckpoint == nil ? try await barrier(after: seconds ?? 0) : nil
            let (row, count) = try await source.read { db in
                (try Activations.inForce(db, at: Int.max), try Activations.count(db))
            }
            let tag = StreamTag.text(ActivationState.stream, UInt64(count))
            let fields = source.pastCheckpoint == nil ? ["ETag": tag] : [:]
            if !fields.isEmpty, seconds == nil, call.headers["if-none-match"] == tag {
                return Answer(status: 304, headers: fields)
            }
            var members: [String: JSONValue] = [
                "stream_version": .integer(count), "checkpoint": .integer(Int(checkpoint)),
                "people": reading.names(of: Set([row?.actor].compactMap(\.self))),
            ]
            members["item"] = row?.json
            members["barrier"] = barrier?.json
            return .json(.object(members), headers: fields)
        }
    }

    private static let wait = Parameter(
        "wait",
        .integer(1...60),
        "Answer only when no worker has time left to load it, or after so many seconds; never 304 then."
    )

    private static let barrier = Schema.named(
        "ActivationBarrier",
        .object([
            Schema.Member(
                "state",
                .choice(ActivationBarrier.State.texts),
                "activating: a worker is still loading. active: every known one answers with it. partial: it went on without some."
            ),
            Schema.Member("position", .position, "Where the activation stands.", isOptional: true),
            Schema.Member("version", .string(max: 40), "Its version.", isOptional: true),
            Schema.Member("wait_seconds", .integer(0...86_400), "How long a worker may take."),
            Schema.Member("loaded", names, "Workers that answer with it."),
            Schema.Member("waiting", names, "Workers that have time left."),
            Schema.Member("late", names, "Workers whose time is over."),
            Schema.Member("missing", names, "Workers that were lost; nobody waits for them."),
            Schema.Member(
                "failed",
                .array(
                    .object([
                        Schema.Member("worker", .string(max: 100), "The worker."),
                        Schema.Member("problem", .string(max: 100), "A stable word for what went wrong."),
                        Schema.Member("reason", .string(max: 4_000), "What went wrong, one sentence."),
                    ]),
                    max: 10_000
                ),
                "Workers that could not load it."
            ),
        ])
    )
    private static let names = Schema.array(.string(max: 100), max: 10_000)

    /// The barrier of the activation in force, as soon as no worker has time left, or after so many seconds.
    private func barrier(after seconds: Int) async throws -> ActivationBarrier {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let (now, wait, checkpoint) = (home.now, home.activation.waitSeconds, home.registry.checkpoint)
            let workers = home.workers
            let barrier = try await home.registry.read {
                try ActivationBarrier.fetch($0, now: now, waitSeconds: wait, elapsed: workers.elapsed)
            }
            let left = end - .now
            guard barrier.state == .activating, left > .zero else { return barrier }
            // Rows that come in, or time that passes, may end it.
            try? await home.registry.wait(for: checkpoint, patience: min(left, .milliseconds(250)))
            try Task.checkCancellation()
        }
    }

    private var history: Route {
        Listing<ActivationRow>.route(
            "/api/v1/activation/history",
            "What was active when, by whom and why; newest first",
            home,
            filters: [Parameter("version", ModelRoutes.versionText, "Only this version.")],
            people: ["actor"],
            takesMoment: true
        ) { db, request in
            let rows = try Activations.history(
                db,
                version: request.values["version"],
                before: request.afterPosition ?? request.before,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit) { "\($0.position)" }
        }
    }

    private var rollBack: Route {
        Route.write(
            .post,
            "/api/v1/activation/rollback",
            "Go back to the version that was active before; twice goes two back",
            details:
                "This is signed, and a new event. With dry_run the answer names the target and changes nothing. The target's files "
                + "are verified and loaded first, in a process of its own; how good it is, is no question. Whoever activates in between makes this a 412, never another target.",
            access: .requires(.operate),
            headers: [StreamTag.ifMatch],
            body: [
                Schema.Member("to", ModelRoutes.versionText, "Go back to this version on the stack.", isOptional: true),
                Schema.Member(
                    "with_config",
                    .boolean,
                    "Bring back the runtime config of that version's last active moment too.",
                    isOptional: true
                ),
                Writing.reason, Writing.password,
            ],
            isGated: true,
            problems: ["precondition.stale", "auth.password", "auth.throttled", "busy", "model.altered", "model.gate"]
        ) { call in
            let to = call.json["to"]?.text
            let command = RollBackModel(
                to: to,
                withConfig: call.json["with_config"] == .bool(true)
            )
            let (commands, stream) = (home.commands, ActivationState.stream)
            let (state, versions) = try await home.blocking { try commands.folded(command) }
            let named = try StreamTag.expectation(stream, call)
            let found = GateFindings()
            // The stack as it was seen: the target that is verified is the one that becomes active.
            let expecting = named.isEmpty ? [stream: versions[stream] ?? 0] : named
            return try await writing.send(
                command,
                call,
                expecting: expecting,
                isSigned: true,
                read: "/api/v1/activation",
                check: {
                    let target = try state.activation.target(of: to)
                    let isExternal = state.activation.wasExternal(target)
                    found.keep(try await home.requireGates(target, isExternal: isExternal, withQuality: false))
                },
                adding: { found.members }
            )
        }
    }
}
