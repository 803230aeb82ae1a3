internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import RoutingDomain
internal import Serving

/// A job as the API shows it: by the log as it is now, with its progress and its files.
///
/// It does not wait for the read models: also their rebuild is a job that somebody watches.
struct JobDocument: Sendable {
    let home: ControlHome

    /// The shape of ``json(_:)``.
    static let shape = Schema.named(
        "JobDetail",
        .object([
            Schema.Member("job", .uuid, "Its identifier."),
            Schema.Member("kind", .choice(JobKind.texts), "What the work is."),
            Schema.Member("parameters", .map(.any, max: 100), "What was asked for."),
            Schema.Member("status", .choice(JobStatus.texts), "Where it stands."),
            Schema.Member("requested_at", .moment, "When it was asked for."),
            Schema.Member("requested_by", .uuid, "By whom."),
            Schema.Member("requested_by_name", .string(max: 1_000), "The name that people see."),
            Schema.Member("requested_position", .position, "Where the request stands in the log."),
            Schema.Member("reason", .string(max: 2_000), "Why.", isOptional: true),
            Schema.Member("retry_of", .uuid, "The job that this one does again.", isOptional: true),
            Schema.Member("started_at", .moment, "When its work began.", isOptional: true),
            Schema.Member("ended_at", .moment, "When it ended.", isOptional: true),
            Schema.Member("cancelled_by", .uuid, "Who called it off.", isOptional: true),
            Schema.Member("progress", progress, "How far it is, while it runs and says so.", isOptional: true),
            Schema.Member("result", .any, "What it found or made.", isOptional: true),
            Schema.Member(
                "problem",
                .object([
                    Schema.Member("type", .string(max: 200), "Stable word for what went wrong."),
                    Schema.Member("detail", .string(max: 2_000), "What went wrong, one sentence."),
                ]),
                "Why it failed.",
                isOptional: true
            ),
            Schema.Member("files", .array(file, max: 1_000), "What it made and is still kept."),
            Schema.Member("position", .position, "The newest event of it."),
        ])
    )

    private static let progress = Schema.object([
        Schema.Member("label", .string(max: 1_000), "What is being done."),
        Schema.Member("done", .position, "Units done."),
        Schema.Member("total", .position, "Units in all; 0 while that is not known."),
        Schema.Member("seconds_left", .position, "Seconds left at the speed so far.", isOptional: true),
    ])

    private static let file = Schema.object([
        Schema.Member("name", .string(max: 300), "Its name."),
        Schema.Member("size", .position, "Bytes."),
        Schema.Member("sha256", .string(max: 64), "Its digest, hexadecimal."),
        Schema.Member("href", .string(max: 500), "Where to fetch it."),
    ])

    /// The document of a job; throws a problem where there is none.
    func json(_ job: String) async throws -> JSONValue {
        let live = await home.jobs.progress(of: job)
        let home = home
        return try await home.blocking {
            let (state, reason) = try Self.read(job, home)
            return .object(Self.members(job, state, reason, live, home))
        }
    }

    /// The state of a job; throws a problem where there is none.
    func state(_ job: String) async throws -> JobState {
        let home = home
        return try await home.blocking { try Self.read(job, home).state }
    }

    private static func read(_ job: String, _ home: ControlHome) throws -> (state: JobState, reason: String?) {
        guard let stream = StreamName(JobState.stream(job)), let first = try home.log.events(in: stream).first else {
            throw Problem(ControlProblems.unknown, "There is no job \(job).", hint: "the list of jobs shows them")
        }
        return (try home.commands.state(for: StartJob(job: job)), try first.metadata().reason)
    }

    private static func members(
        _ job: String,
        _ state: JobState,
        _ reason: String?,
        _ live: JobProgress?,
        _ home: ControlHome
    ) -> [String: JSONValue] {
        guard let request = state.request, let asked = state.asked else {
            preconditionFailure("a job begins with its request")
        }
        let files = home.jobs.folders
        var members: [String: JSONValue] = [
            "job": .string(job), "kind": .string(request.kind.rawValue), "parameters": request.parameters,
            "status": .string(state.status.rawValue), "requested_at": .string(asked.at.description),
            "requested_by": .string(asked.actor), "requested_by_name": .string(home.name(asked.actor)),
            "requested_position": .integer(Int(asked.position)), "position": .integer(Int(state.position)),
        ]
        members["reason"] = reason.map { .string($0) }
        members["retry_of"] = request.retryOf.map { .string($0) }
        members["started_at"] = state.startedAt.map { .string($0.description) }
        members["ended_at"] = state.endedAt.map { .string($0.description) }
        members["cancelled_by"] = state.cancelledBy.map { .string($0) }
        members["result"] = state.end?.result ?? (state.status == .done ? files.result(job) : nil)
        if let problem = state.end?.problem {
            members["problem"] = [
                "type": .string("urn:daybook:\(problem)"), "detail": .string(state.end?.message ?? ""),
            ]
        }
        if state.status == .running, let live {
            var progress: [String: JSONValue] = [
                "label": .string(live.label), "done": .integer(live.done), "total": .integer(live.total),
            ]
            progress["seconds_left"] = live.secondsLeft(at: .now).map { .integer($0) }
            members["progress"] = .object(progress)
        }
        members["files"] = .array(
            files.files(job).map { file in
                let allowed = CharacterSet(
                    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
                )
                let name = file.name.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
                return .object(
                    (file.json.members ?? [:]).merging(["href": .string("/api/v1/jobs/\(job)/files/\(name)")]) { $1 }
                )
            }
        )
        return members
    }
}
