internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Serving
internal import SignIn

/// Programs and their keys.
///
/// The text of a key is in one answer and nowhere else.
struct ServiceAccountRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let account = Parameter("account", .uuid, "The program's pseudonym.")
    private static let key = Parameter("key", .uuid, "The key's identifier.")

    var all: [Route] { [list, create, keys, issue, revoke, rotate] }

    private var list: Route {
        Listing<ServiceAccountRow>.route(
            "/api/v1/service-accounts",
            "The programs that have an account",
            home,
            access: .requires(.administerKeys),
            people: ["created_by"],
            takesMoment: true
        ) { db, request in
            Listing.Page(try ServiceKeys.accounts(db, after: request.afterPosition, limit: request.limit))
        }
    }

    private var create: Route {
        Route.write(
            .post,
            "/api/v1/service-accounts",
            "Give a program an account",
            access: .requires(.administerKeys),
            body: [
                Schema.Member("name", TaskRoutes.identifier, "The program's name, for example planner."),
                Writing.optionalReason,
            ]
        ) { call in
            let account = ShortIdentifier.pseudonym(
                actor: try writing.sender(call, reason: nil).actor,
                idempotencyKey: call.headers["idempotency-key"]
            )
            let command = CreateServiceAccount(account: account, name: call.text("name"))
            return try await writing.send(command, call, read: "/api/v1/service-accounts")
        }
    }

    private var keys: Route {
        Listing<ServiceKeyUse>.route(
            "/api/v1/service-keys",
            "The keys of programs, in the order of their issue",
            details: "last_used_at is known since the service started, and only there.",
            home,
            access: .requires(.administerKeys),
            filters: [Parameter("account", .uuid, "Only of this program.")],
            people: ["issued_by", "revoked_by"],
            takesMoment: true,
            isRemembered: false
        ) { db, request in
            let page = try ServiceKeys.page(
                db,
                account: request.values["account"],
                after: request.afterPosition,
                limit: request.limit
            )
            let uses = home.uses
            let isPast = request.before != nil
            let rows = page.rows.map { row in
                let last = isPast ? nil : uses.lastUse(ofKey: row.keyId)
                return ServiceKeyUse(row, lastUsedAt: last.map { Timestamp(microseconds: $0).description })
            }
            return Listing.Page(rows, next: page.next.map { "\($0)" })
        }
    }

    private var issue: Route {
        Route(
            .post,
            "/api/v1/service-accounts/{account}/keys",
            "Issue a key to a program",
            details:
                "The key is shown in this answer and kept nowhere. With a predecessor the older key goes on for `overlap_hours`, so "
                + "that the program can change over.",
            access: .requires(.administerKeys),
            path: [Self.account],
            query: [Writing.query[1]],
            body: .json(
                .object([
                    Schema.Member(
                        "scope",
                        .array(.choice(RoutingDomain.Permission.forServices.map(\.rawValue).sorted()), max: 10),
                        "What it may do."
                    ),
                    Schema.Member("days", .integer(1...IssueServiceKey.mostDays), "How long it is good."),
                    Schema.Member("predecessor", .uuid, "The key that it replaces.", isOptional: true),
                    Schema.Member(
                        "overlap_hours",
                        .integer(0...IssueServiceKey.mostOverlap),
                        "How long the predecessor goes on; 24 unless said.",
                        isOptional: true
                    ),
                    Writing.optionalReason, Writing.expecting, Writing.actingAs,
                ])
            ),
            answers: [AnswerRule(201, "The key.", .object(Self.issued + Writing.written))],
            problems: Writing.problems + ["precondition.stale"]
        ) { call in
            try await Writing.exactly { try await issue(call) }
        }
    }

    /// What the answer tells of a new key.
    private static let issued = [
        Schema.Member("key", .string(max: 4_096), "For `Authorization: Bearer`; hand it to the program."),
        Schema.Member("key_id", .uuid, "Its identifier, for lists and revocation."),
        Schema.Member("account", .uuid, "The program."),
        Schema.Member("scope", .string(max: 200), "What it may do, with commas between."),
        Schema.Member("expires_at", .moment, "When it ends."),
    ]

    private func issue(_ call: Call) async throws -> Answer {
        let command = IssueServiceKey(
            keyId: UUID().text,
            account: call.path["account"] ?? "",
            scope: (call.json["scope"]?.elements ?? []).compactMap(\.text),
            days: call.json["days"]?.number ?? 0,
            predecessor: call.json["predecessor"]?.text,
            overlapHours: call.json["overlap_hours"]?.number ?? 24
        )
        let caller = try writing.sender(call, reason: call.json["reason"]?.text)
        let (key, issued, outcome) = try await home.doorkeeper.issueServiceKey(
            command,
            by: try await writing.acting(caller, call),
            expecting: Writing.expecting(call)
        )
        var members = try await writing.json(outcome, call).members ?? [:]
        members["key"] = .string(key)
        members["key_id"] = .string(issued.keyId)
        members["account"] = .string(issued.account)
        members["scope"] = .string(issued.scope)
        members["expires_at"] = .string(issued.expiresAt.description)
        return .json(.object(members), status: 201)
    }

    private var rotate: Route {
        Route(
            .post,
            "/api/v1/token-key/rotate",
            "Sign tokens with a new key from now on",
            details:
                "What the old key signed is good until it ends by itself; with refuse_previous, after a theft, for nothing: then "
                + "everybody logs in again, and service keys are issued anew. This is signed.",
            access: .requires(.administerKeys),
            body: .json(
                .object([
                    Schema.Member("refuse_previous", .boolean, "Refuse what the old key signed.", isOptional: true),
                    Writing.reason, Writing.password,
                ])
            ),
            answers: [AnswerRule(204, "The new key signs.", nil)],
            problems: Writing.problems + ["auth.password", "auth.throttled", "busy"]
        ) { call in
            let sender = try writing.sender(call, reason: call.text("reason"), isSigned: true)
            try await writing.confirm(call)
            try await home.keys.rotate(refusesPrevious: call.json["refuse_previous"] == .bool(true), by: sender)
            return Answer(status: 204)
        }
    }

    private var revoke: Route {
        Route.write(
            .post,
            "/api/v1/service-keys/{key}/revoke",
            "Make a key good for nothing, from the next request on",
            access: .requires(.administerKeys),
            path: [Self.key],
            body: [Writing.reason]
        ) { call in
            let command = RevokeServiceKey(keyId: call.path["key"] ?? "")
            return try await writing.send(command, call, read: "/api/v1/service-keys")
        }
    }
}

/// A key of a program, and when it was last used.
struct ServiceKeyUse: ReadModelRow {
    let keyId: String
    let account: String
    let scope: String
    let status: String
    let issuedPosition: Int
    let issuedAt: String
    let issuedBy: String
    let expiresAt: String
    let predecessor: String?
    let revokedAt: String?
    let revokedBy: String?
    let reason: String?
    let position: Int
    /// Absent where it was not used since the service started.
    let lastUsedAt: String?

    init(_ row: ServiceKeyRow, lastUsedAt: String?) {
        (keyId, account, scope, status) = (row.keyId, row.account, row.scope, row.status)
        (issuedPosition, issuedAt, issuedBy) = (row.issuedPosition, row.issuedAt, row.issuedBy)
        (expiresAt, predecessor) = (row.expiresAt, row.predecessor)
        (revokedAt, revokedBy, reason, position) = (row.revokedAt, row.revokedBy, row.reason, row.position)
        self.lastUsedAt = lastUsedAt
    }
}
