internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The inference workers: who they are, and what they tell of themselves.
///
/// A worker needs a service key with the scope `report`.
struct InferenceRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let worker = Parameter("worker", TaskRoutes.identifier, "The worker's identifier.")
    private static let instance = Schema.Member("instance", .uuid, "This run of it: another run has another one.")
    private static let version = Schema.Member("version", .string(min: 1, max: 40), "The model version.")
    private static let workers = "/api/v1/inference/workers"
    private static let url = Schema.Member(
        "url",
        .string(min: 8, max: 300, pattern: "https?://[A-Za-z0-9._:\\[\\]-]+"),
        "Where it answers proposals, for example https://host:7444; kept in memory.",
        isOptional: true
    )

    var all: [Route] {
        [list, join, leave, report, loaded, loadFailed, accuracy]
    }

    private var list: Route {
        Listing<WorkerRow>.route(
            Self.workers,
            "The inference workers, and what each has loaded",
            details:
                "What they report every few seconds stands in /health; how far they have followed an activation, in /api/v1/activation.",
            home,
            after: .string(max: 100),
            takesMoment: true
        ) { db, _ in
            Listing.Page(try InferenceWorkers.list(db), next: nil)
        }
    }

    /// A route that a worker sends something by.
    private func telling(
        _ word: String,
        _ summary: String,
        details: String = "",
        body: [Schema.Member],
        command: @escaping @Sendable (_ worker: String, Call) -> any Command
    ) -> Route {
        Route.write(
            .post,
            "\(Self.workers)/{worker}/\(word)",
            summary,
            details: details,
            access: .requires(.report),
            path: [Self.worker],
            body: body + [Writing.optionalReason]
        ) { call in
            try await writing.send(command(call.path["worker"] ?? "", call), call, read: Self.workers)
        }
    }

    private var join: Route {
        Route.write(
            .post,
            "\(Self.workers)/{worker}/join",
            "A worker begins to work",
            details:
                "From then on it reports, at least every few seconds; one that falls silent is recorded as lost. 409 where another machine "
                + "has reported by that name within the last 20 seconds.",
            access: .requires(.report),
            path: [Self.worker],
            body: [
                Self.instance, Schema.Member("host", .string(min: 1, max: 253), "Its machine."),
                Schema.Member("program", .string(min: 1, max: 100), "Its program and version."), Self.url,
                Writing.optionalReason,
            ]
        ) { call in
            let (worker, instance) = (call.path["worker"] ?? "", call.text("instance"))
            let command = JoinInference(
                worker: worker,
                instance: instance,
                host: call.text("host"),
                program: call.text("program")
            )
            try await requireFree(command)
            let answer = try await writing.send(command, call, read: Self.workers)
            if let url = call.json["url"]?.text, call.query["dry_run"] != "true" {
                home.workers.place(worker, instance: instance, url: url)
            }
            return answer
        }
    }

    /// Rejects a name that another machine works by: two would take it from each other at every report.
    private func requireFree(_ command: JoinInference) async throws {
        let commands = home.commands
        let state = try await home.blocking { try commands.state(for: command) }
        guard home.workers.isTaken(state, by: command.instance, on: command.host) else { return }
        throw Rejection(
            "worker.name-taken",
            .conflict,
            "a worker \(command.worker) runs on \(state.host ?? "-")",
            hint:
                "give this one a name of its own with --worker, or stop the other; its name is free 20 seconds after its last report",
            field: "worker",
            actual: command.worker
        )
    }

    private var leave: Route {
        telling("leave", "A worker ends in order, or is given up after it was lost", body: [Self.instance]) {
            worker,
            call in
            LeaveInference(worker: worker, instance: call.text("instance"))
        }
    }

    private var loaded: Route {
        telling(
            "loaded",
            "A worker answers with a model version from now on",
            body: [
                Self.version,
                Schema.Member(
                    "manifest_sha256",
                    .string(min: 64, max: 64, pattern: "[0-9a-f]+"),
                    "The manifest that it verified the files against."
                ),
                Schema.Member("index_handle", .string(min: 1, max: 200), "What its own log calls the loaded index."),
                Schema.Member("load_ms", .integer(0...86_400_000), "From the order to the first answer."),
                Schema.Member(
                    "warnings",
                    .string(min: 1, max: ReportLoad.maximumWarnings),
                    "What the loader remarked without refusing the version, each on a line.",
                    isOptional: true
                ),
            ]
        ) { worker, call in
            ReportLoad(
                worker: worker,
                version: call.text("version"),
                manifestSha256: call.text("manifest_sha256"),
                indexHandle: call.text("index_handle"),
                loadMs: call.json["load_ms"]?.number ?? 0,
                warnings: call.json["warnings"]?.text
            )
        }
    }

    private var loadFailed: Route {
        telling(
            "load-failed",
            "A worker could not load a model version, and goes on with what it had",
            body: [
                Self.version, Schema.Member("problem", .string(min: 1, max: 100), "A stable word for what went wrong."),
                Schema.Member("message", .string(min: 1, max: 1_000), "What went wrong, one sentence."),
            ]
        ) { worker, call in
            ReportLoadFailure(
                worker: worker,
                version: call.text("version"),
                problem: call.text("problem"),
                message: call.text("message")
            )
        }
    }

    private var accuracy: Route {
        telling(
            "accuracy",
            "How far a version's predictions were off",
            body: [
                Self.version, Schema.Member("samples", .integer(1...1_000_000_000), "Operations that were compared."),
                Schema.Member(
                    "median_ape_percent",
                    .string(min: 1, max: 20),
                    "Median absolute percentage error of total times, at most one digit, for example \"12.5\"."
                ),
                Schema.Member("ef_search", .integer(1...65_535), "The breadth of the search that was in force."),
            ]
        ) { worker, call in
            RecordAccuracy(
                worker: worker,
                version: call.text("version"),
                samples: call.json["samples"]?.number ?? 0,
                medianApePercent: call.text("median_ape_percent"),
                efSearch: call.json["ef_search"]?.number ?? 0
            )
        }
    }

    private static let cache = Schema.object([
        Schema.Member("name", .string(min: 1, max: 60), "Which cache."),
        Schema.Member("entries", .integer(0...1_000_000_000), "How many it holds."),
        Schema.Member("limit", .integer(0...1_000_000_000), "How many it may hold."),
    ])

    private var report: Route {
        Route(
            .post,
            "\(Self.workers)/{worker}/report",
            "A worker tells how it fares",
            details:
                "Nothing is recorded: the newest report stands in /health. 409 where this run of the worker has not joined, or was lost "
                + "since: it joins again.",
            access: .requires(.report),
            path: [Self.worker],
            body: .json(
                .object([
                    Self.instance,
                    Schema.Member("version", .string(min: 1, max: 40), "What it answers with.", isOptional: true),
                    Schema.Member("index_handle", .string(min: 1, max: 200), "Its loaded index.", isOptional: true),
                    Schema.Member(
                        "source",
                        .string(min: 1, max: 500),
                        "ok, or what is wrong with the plant's database.",
                        isOptional: true
                    ),
                    Schema.Member("caches", .array(Self.cache, max: 20), "How full its caches are.", isOptional: true),
                    Self.url,
                ])
            ),
            answers: [
                AnswerRule(
                    200,
                    "It was heard.",
                    .object([
                        Schema.Member(
                            "active_version",
                            .string(max: 40),
                            "What it should answer with.",
                            isOptional: true
                        )
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.conflict", "storage"]
        ) { call in
            try await take(call)
        }
    }

    private func take(_ call: Call) async throws -> Answer {
        let (worker, instance) = (call.path["worker"] ?? "", call.text("instance"))
        let commands = home.commands
        let joined = JoinInference(worker: worker, instance: instance, host: "-", program: "-")
        let state = try await home.blocking { try commands.state(for: joined) }
        try state.requireJoined(worker, instance)
        let caches = (call.json["caches"]?.elements ?? []).map { cache in
            WorkerReports.Cache(
                name: cache["name"]?.text ?? "",
                entries: cache["entries"]?.number ?? 0,
                limit: cache["limit"]?.number ?? 0
            )
        }
        home.workers.take(
            worker,
            instance: instance,
            version: call.json["version"]?.text,
            indexHandle: call.json["index_handle"]?.text,
            source: call.json["source"]?.text,
            caches: caches
        )
        if let url = call.json["url"]?.text { home.workers.place(worker, instance: instance, url: url) }
        let active = try await home.registry.read { try Models.active($0)?.version }
        return .json(.object(active.map { ["active_version": .string($0)] } ?? [:]))
    }
}
