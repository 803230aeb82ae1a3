internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Pieces of work: take on, write down, correct, close.
struct TaskRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    static let identifier = Schema.string(min: 1, max: 60, pattern: "[a-z0-9][a-z0-9._-]*")
    private static let task = Parameter("task", identifier, "The task.")

    var all: [Route] { [list, show, open, log, correct, close] }

    private var list: Route {
        Listing<TaskRow>.route(
            "/api/v1/tasks",
            "The tasks in the order they were opened",
            home,
            filters: [
                Parameter("sprint", Self.identifier, "Only of this sprint or wave."),
                Parameter("status", .choice(["open", "closed"]), "Only these."),
            ],
            people: ["opened_by", "last_logged_by", "closed_by"],
            takesMoment: true
        ) { db, request in
            let rows = try Tasks.list(
                db,
                sprint: request.values["sprint"],
                status: request.values["status"],
                after: request.afterPosition,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit) { "\($0.openedPosition)" }
        }
    }

    private var show: Route {
        Route.one(
            "/api/v1/tasks/{task}",
            "One task",
            home,
            of: TaskRow.self,
            path: [Self.task],
            people: ["opened_by", "last_logged_by", "closed_by"]
        ) { db, call in
            try Tasks.show(db, call.path["task"] ?? "")
        }
    }

    private var open: Route {
        Route.write(
            .post,
            "/api/v1/tasks",
            "Take on a piece of work",
            access: .requires(.operate),
            body: [
                Schema.Member("title", .string(min: 1, max: 500), "What is to be done."),
                Schema.Member("task", Self.identifier, "Its identifier; else a short one is made.", isOptional: true),
                Schema.Member("sprint", Self.identifier, "The sprint or wave it belongs to.", isOptional: true),
                Writing.optionalReason,
            ]
        ) { call in
            let id = try call.json["task"]?.text ?? writing.shortIdentifier("t", call)
            let command = OpenTask(task: id, title: call.text("title"), sprint: call.json["sprint"]?.text)
            return try await writing.send(command, call, read: "/api/v1/tasks/\(id)")
        }
    }

    private static let entry = [
        Schema.Member("directive", .string(min: 1, max: 4_000), "What was asked."),
        Schema.Member("response", .string(min: 1, max: 4_000), "What was done."),
        Schema.Member("remaining", .integer(0...1_000_000), "How many items remain."),
        Schema.Member(
            "evidence",
            .string(min: 1, max: 1_000),
            "What proves it: event:N, or an address.",
            isOptional: true
        ),
        Schema.Member(
            "claimed_at",
            .string(min: 10, max: 40),
            "When it was done, as you claim: in the plant's time, or with Z.",
            isOptional: true
        ),
    ]

    private var log: Route {
        Route.write(
            .post,
            "/api/v1/tasks/{task}/entries",
            "Write down what was asked and done",
            access: .requires(.operate),
            path: [Self.task],
            body: Self.entry + [Writing.optionalReason]
        ) { call in
            try await write(call, corrects: nil)
        }
    }

    private var correct: Route {
        Route.write(
            .post,
            "/api/v1/tasks/{task}/entries/{entry}/corrections",
            "Replace the words of an entry; both stay in the log",
            access: .requires(.operate),
            path: [Self.task, Parameter("entry", .integer(1...1_000_000), "The entry's number in its task.")],
            body: Self.entry + [Writing.reason]
        ) { call in
            try await write(call, corrects: call.path["entry"].flatMap { Int($0) })
        }
    }

    private func write(_ call: Call, corrects: Int?) async throws -> Answer {
        let task = call.path["task"] ?? ""
        var entry = TaskEntry(
            directive: call.text("directive"),
            response: call.text("response"),
            remaining: call.json["remaining"]?.number ?? 0
        )
        entry.evidence = try await evidence(call)
        entry.claimedAt = try await claimedTime(call)
        let command = LogTask(task: task, entry: entry, corrects: corrects)
        return try await writing.send(command, call, read: "/api/v1/logbook?task=\(task)")
    }

    private func evidence(_ call: Call) async throws -> String? {
        guard let text = call.json["evidence"]?.text else { return nil }
        let log = home.log
        switch EvidenceReference(text, head: try await home.blocking { try log.head().size }) {
        case .event, .address: return text
        case .beyondLog, .name:
            throw Problem(
                ControlProblems.invalid,
                "The evidence is neither an event of the log nor an address.",
                facts: ["rule": "task.evidence", "field": "evidence", "actual": .string(String(text.prefix(80)))],
                hint: "event:412 or https://…; a file is taken in by `daybook task log`"
            )
        }
    }

    private func claimedTime(_ call: Call) async throws -> Timestamp? {
        guard let text = call.json["claimed_at"]?.text else { return nil }
        let commands = home.commands
        let zone = try await home.blocking { try MomentReader(commands).timeZone }
        guard let instant = MomentReader.instant(text, in: zone) else {
            throw Problem(
                ControlProblems.invalid,
                "claimed_at is no time.",
                facts: ["rule": "moment", "field": "claimed_at", "actual": .string(text)],
                hint: "for example 2026-03-01T14:00, or with Z"
            )
        }
        return Timestamp(microseconds: instant)
    }

    private var close: Route {
        Route.write(
            .post,
            "/api/v1/tasks/{task}/close",
            "Close a task",
            access: .requires(.operate),
            path: [Self.task],
            body: [Writing.optionalReason]
        ) { call in
            let task = call.path["task"] ?? ""
            return try await writing.send(CloseTask(task: task), call, read: "/api/v1/tasks/\(task)")
        }
    }
}

extension Writing {
    /// An identifier for what the caller did not name; the same for a repetition under the same key.
    func shortIdentifier(_ prefix: String, _ call: Call) throws(Problem) -> String {
        ShortIdentifier.make(
            prefix,
            actor: try sender(call, reason: nil).actor,
            idempotencyKey: call.headers["idempotency-key"]
        )
    }
}
