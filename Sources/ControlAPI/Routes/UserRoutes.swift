internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving
internal import SignIn

/// Users, by administrators.
struct UserRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let user = Parameter("user", .uuid, "The user's pseudonym.")
    private static let role = Schema.Member("role", .choice(Role.forPeople.map(\.rawValue)), "The role.")

    var all: [Route] {
        [list, pending, show, approve, reject, changeRole, disable, enable, endSessions, issueCode, firstCode]
    }

    private var list: Route {
        Listing<UserRow>.route(
            "/api/v1/users",
            "Who has an account, and who waits for one",
            home,
            filters: [
                Parameter("status", .choice(UserStatus.texts), "Only these."),
                Parameter("role", .choice(Role.forPeople.map(\.rawValue)), "Only these."),
            ],
            people: ["user_id", "changed_by"],
            takesMoment: true
        ) { db, request in
            let page = try Users.page(
                db,
                status: request.values["status"],
                role: request.values["role"],
                after: request.afterPosition,
                limit: request.limit
            )
            return Listing.Page(page)
        }
    }

    private var pending: Route {
        Route(
            .get,
            "/api/v1/users/pending",
            "Who waits for an answer: name and address as they were typed",
            details: "At most 1,000, the oldest first. Nothing of it stands in the log.",
            access: .requires(.administerPeople),
            query: [Reading.minimum],
            answers: [
                AnswerRule(
                    200,
                    "The people.",
                    .object([
                        Schema.Member(
                            "items",
                            .array(
                                .object([
                                    Schema.Member("user_id", .uuid, "The pseudonym."),
                                    Schema.Member("name", .string(max: 1_000), "The name asked for."),
                                    Schema.Member("address", .string(max: 254), "The mail address."),
                                    Schema.Member("signed_up_at", .moment, "When."),
                                ]),
                                max: 1_000
                            ),
                            "In order of sign-up."
                        )
                    ])
                )
            ],
            problems: ["rejected.invalid", "busy", "storage"]
        ) { call in
            let source = try await Reading(home: home).source(of: call)
            let rows = try await source.read { try Users.page($0, status: "pending", limit: 1_000) }.rows
            let people = home.people
            let items = try await home.blocking {
                try rows.compactMap { row -> JSONValue? in
                    guard let id = UUID(uuidString: row.userId), let credential = try people.credential(id: id) else {
                        return nil
                    }
                    return [
                        "user_id": .string(row.userId), "name": .string(credential.name),
                        "address": .string(credential.address.text), "signed_up_at": .string(row.signedUpAt),
                    ]
                }
            }
            return .json(["items": .array(items)])
        }
    }

    private var show: Route {
        Route.one("/api/v1/users/{user}", "One user", home, of: UserRow.self, path: [Self.user], people: ["user_id"]) {
            db,
            call in
            try Users.show(db, call.path["user"] ?? "")
        }
    }

    private var approve: Route {
        act("approve", "Let a pending user in with a role", [Self.role, Writing.optionalReason]) { user, call, sender in
            try await home.doorkeeper.approve(user, as: Self.role(call), by: sender, Self.arrival(call))
        }
    }

    private var reject: Route {
        act("reject", "Turn a pending user away; address, name and password go", [Writing.reason]) {
            try await home.doorkeeper.reject($0, by: $2, Self.arrival($1))
        }
    }

    private var disable: Route {
        act("disable", "Keep a user out until enabled again; sessions end", [Writing.reason]) {
            try await home.doorkeeper.disable($0, by: $2, Self.arrival($1))
        }
    }

    private var enable: Route {
        act("enable", "Let a disabled user in again", [Writing.reason]) {
            try await handle(EnableUser(userId: $0.text), $1, $2)
        }
    }

    private var changeRole: Route {
        act("role", "Give a user another role", [Self.role, Writing.reason]) {
            try await handle(ChangeRole(userId: $0.text, role: Self.role($1)), $1, $2)
        }
    }

    private var endSessions: Route {
        act("end-sessions", "End every session of a user", [Writing.reason]) {
            try await handle(RevokeSessions(userId: $0.text), $1, $2)
        }
    }

    private var issueCode: Route {
        code(
            "/api/v1/users/{user}/reset",
            "Issue a one-time code for a forgotten password",
            path: [Self.user],
            [Writing.reason]
        ) { call in (try Self.id(call), .passwordReset) }
    }

    private var firstCode: Route {
        code(
            "/api/v1/users/first-code",
            "Issue the one-time code of the first administrator, while nobody administers the home",
            [Writing.optionalReason]
        ) { _ in (UUID(), .firstAdmin) }
    }

    /// A route that issues a code.
    private func code(
        _ path: String,
        _ summary: String,
        path parameters: [Parameter] = [],
        _ body: [Schema.Member],
        whose: @escaping @Sendable (Call) throws -> (UUID, CodePurpose)
    ) -> Route {
        Route(
            .post,
            path,
            summary,
            details: "The code is in this answer alone, good once and for 24 hours.",
            access: .requires(.administerPeople),
            path: parameters,
            query: [Writing.query[1]],
            body: .json(.object(body + [Writing.expecting, Writing.actingAs])),
            answers: [
                AnswerRule(
                    201,
                    "The code.",
                    .object(
                        [Schema.Member("code", .string(max: 100), "Hand it to the person, by another way.")]
                            + Writing.written
                    )
                )
            ],
            problems: Writing.problems + ["precondition.stale"]
        ) { call in
            try await Writing.exactly {
                let (user, purpose) = try whose(call)
                let (code, outcome) = try await home.doorkeeper.issueCode(
                    for: user,
                    purpose,
                    by: try await sender(call),
                    expecting: Writing.expecting(call)
                )
                var members = try await writing.json(outcome, call).members ?? [:]
                members["code"] = .string(code.text)
                return .json(.object(members), status: 201)
            }
        }
    }

    /// A route that does something about one user.
    private func act(
        _ verb: String,
        _ summary: String,
        _ body: [Schema.Member],
        deed: @escaping @Sendable (UUID, Call, Sender) async throws -> CommandOutcome
    ) -> Route {
        Route(
            .post,
            "/api/v1/users/{user}/\(verb)",
            summary,
            access: .requires(.administerPeople),
            path: [Self.user],
            query: [Writing.query[1]],
            headers: Writing.headers,
            body: .json(.object(body + [Writing.expecting, Writing.keyInBody, Writing.actingAs])),
            answers: Writing.answers,
            problems: Writing.problems + ["precondition.stale"]
        ) { call in
            try await Writing.exactly {
                let outcome = try await deed(try Self.id(call), call, try await sender(call))
                return .json(try await writing.json(outcome, call, read: "/api/v1/users/\(call.path["user"] ?? "")"))
            }
        }
    }

    private func handle<Sent: Command>(_ command: Sent, _ call: Call, _ sender: Sender) async throws -> CommandOutcome {
        try await home.commands.handle(
            command,
            by: sender,
            expecting: Writing.expecting(call),
            idempotencyKey: Writing.idempotencyKey(call)
        )
    }

    private func sender(_ call: Call) async throws -> Sender {
        try await writing.acting(try writing.sender(call, reason: call.json["reason"]?.text), call)
    }

    private static func arrival(_ call: Call) -> Arrival {
        Arrival(expecting: Writing.expecting(call), idempotencyKey: Writing.idempotencyKey(call))
    }

    private static func role(_ call: Call) -> Role {
        guard let role = Role(rawValue: call.text("role")) else { preconditionFailure("the schema lists the roles") }
        return role
    }

    private static func id(_ call: Call) throws(Problem) -> UUID {
        guard let user = UUID(uuidString: call.path["user"] ?? "") else {
            throw Problem(ControlProblems.unknown, "Nobody has that pseudonym.")
        }
        return user
    }
}
