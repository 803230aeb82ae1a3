internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Jobs that were started: list, state, log, calling off, doing again.
struct JobRoutes: Sendable {
    let home: ControlHome
    static let job = Parameter("job", .uuid, "The job's identifier.")

    var all: [Route] { [list, one, log, cancel, retry, exports] }

    private var list: Route {
        Listing<JobRow>.route(
            "/api/v1/jobs",
            "Long works, newest first",
            home,
            filters: [
                Parameter("status", .choice(JobStatus.texts), "Only those that stand there."),
                Parameter("kind", .choice(JobKind.texts), "Only this kind."),
            ],
            people: ["requested_by", "cancelled_by"]
        ) { db, request in
            Listing.Page(
                try Jobs.page(
                    db,
                    status: request.values["status"],
                    kind: request.values["kind"],
                    after: request.afterPosition,
                    limit: request.limit
                )
            )
        }
    }

    private var one: Route {
        Route(
            .get,
            "/api/v1/jobs/{job}",
            "One job: where it stands, how far it is, what it made",
            details: "Whoever asked for it may know, and whoever may read.",
            access: .authenticated,
            path: [Self.job],
            answers: [AnswerRule(200, "The job.", JobDocument.shape)],
            problems: ["rejected.unknown", "auth.forbidden", "storage"]
        ) { call in
            let job = call.path["job"] ?? ""
            try await requireOwn(job, call, or: .read)
            return .json(try await JobDocument(home: home).json(job))
        }
    }

    private var log: Route {
        Route(
            .get,
            "/api/v1/jobs/{job}/log",
            "The lines that a job's work said",
            details:
                "At most 1 MiB is kept of them, as long as the job's files are. For whoever asked for it, and whoever may read.",
            access: .authenticated,
            path: [Self.job],
            query: [
                Parameter("after", .position, "Go on behind so many lines."),
                Parameter("limit", .integer(1...1_000), "At most so many; 100 unless said."),
            ],
            answers: [
                AnswerRule(
                    200,
                    "Lines.",
                    .object([
                        Schema.Member("items", .array(.string(max: 1_048_576), max: 1_000), "The lines."),
                        Schema.Member("next", .position, "Pass as `after` of the next request."),
                    ])
                )
            ],
            problems: ["rejected.unknown", "auth.forbidden", "gone", "storage"]
        ) { call in
            let (job, home) = (call.path["job"] ?? "", home)
            let status = try await requireOwn(job, call, or: .read).status
            let after = call.query["after"].flatMap { Int($0) } ?? 0
            let limit = call.query["limit"].flatMap { Int($0) } ?? 100
            return try await home.blocking {
                guard let lines = home.jobs.folders.lines(job) else {
                    guard status.isOpen else { throw Problem(ControlProblems.gone, "The job's log is no longer kept.") }
                    return .json(["items": [], "next": .integer(after)])
                }
                let page = lines.dropFirst(after).prefix(limit)
                return .json([
                    "items": .array(page.map { .string($0) }), "next": .integer(min(after, lines.count) + page.count),
                ])
            }
        }
    }

    private var cancel: Route {
        Route.write(
            .post,
            "/api/v1/jobs/{job}/cancel",
            "Call a job off",
            details:
                "Whoever asked for it may, and whoever may maintain. It counts as cancelled from this event on; its process is "
                + "ended and what it made is removed. An export that it had already recorded stays recorded.",
            access: .authenticated,
            path: [Self.job],
            body: [Writing.reason],
            problems: ["auth.forbidden"]
        ) { call in
            let job = call.path["job"] ?? ""
            try await requireOwn(job, call, or: .maintain)
            let answer = try await Writing(home: home).send(CancelJob(job: job), call, read: "/api/v1/jobs/\(job)")
            if call.query["dry_run"] != "true" { await home.jobs.cancelled(job) }
            return answer
        }
    }

    private var retry: Route {
        Route(
            .post,
            "/api/v1/jobs/{job}/retry",
            "Do an ended job again, with the same parameters",
            details: "It becomes a job of its own that names the old one. Needs what starting that kind needs.",
            access: .authenticated,
            path: [Self.job],
            headers: Writing.headers,
            body: .json(.object([Writing.reason])),
            answers: JobStart.answers,
            problems: JobStart.problems + ["auth.forbidden"]
        ) { call in
            let job = call.path["job"] ?? ""
            let state = try await JobDocument(home: home).state(job)
            guard let request = state.request else { throw Problem(ControlProblems.unknown, "There is no such job.") }
            guard Self.holds(request.kind.permission, call) else { throw Self.forbidden(request.kind.permission) }
            guard !state.status.isOpen else {
                throw Problem(
                    ControlProblems.conflict,
                    "The job is \(state.status.rawValue): it has not ended.",
                    facts: ["rule": "job.open"],
                    hint: "wait for its end, or call it off"
                )
            }
            return try await JobStart(home: home).start(request.kind, request.parameters, call, retryOf: job)
        }
    }

    private var exports: Route {
        Listing<DocumentRow>.route(
            "/api/v1/exports",
            "Documents that left Daybook, newest first",
            home,
            people: ["actor"],
            takesMoment: true
        ) { db, request in
            let before = [request.afterPosition, request.before].compactMap { $0 }.min()
            let rows = try Documents.list(db, event: "exported", before: before, limit: request.limit + 1)
            return Listing.Page(rows, limit: request.limit) { "\($0.position)" }
        }
    }

    /// The job of a caller who asked for it or has a permission; throws for anybody else.
    @discardableResult
    private func requireOwn(
        _ job: String,
        _ call: Call,
        or permission: RoutingDomain.Permission
    ) async throws -> JobState {
        let state = try await JobDocument(home: home).state(job)
        guard call.caller?.actor == state.asked?.actor || Self.holds(permission, call) else {
            throw Self.forbidden(permission)
        }
        return state
    }

    static func holds(_ permission: RoutingDomain.Permission, _ call: Call) -> Bool {
        call.caller?.permissions.contains(Serving.Permission(permission.rawValue)) ?? false
    }

    static func forbidden(_ permission: RoutingDomain.Permission) -> Problem {
        Problem(
            ProblemCatalogue.forbidden,
            "This needs the permission \(permission.rawValue).",
            facts: ["permission": .string(permission.rawValue)]
        )
    }
}

/// Starts jobs: the one way from a request to a job.
struct JobStart: Sendable {
    let home: ControlHome

    static let answers = [
        AnswerRule(202, "It is recorded and waits for its turn; Location says where to look.", JobDocument.shape)
    ]
    static let problems = Writing.problems + ["jobs.full", "stopping"]

    /// Records the request and answers with the job.
    func start(
        _ kind: JobKind,
        _ parameters: JSONValue,
        _ call: Call,
        retryOf: String? = nil
    ) async throws -> Answer {
        let sender = try Writing(home: home).sender(call, reason: call.json["reason"]?.text)
        let command = RequestJob(job: UUID().text, kind: kind, parameters: parameters, retryOf: retryOf)
        let job = try await home.jobs.request(command, by: sender, idempotencyKey: call.headers["idempotency-key"])
        let document = try await JobDocument(home: home).json(job)
        return .json(document, status: 202, headers: ["Location": "/api/v1/jobs/\(job)"])
    }
}
