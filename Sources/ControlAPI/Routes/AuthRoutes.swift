internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving
internal import SignIn

/// Coming in and going out: sign-up, log-in, one's own sessions and password.
struct AuthRoutes: Sendable {
    let home: ControlHome

    private static let address = Schema.Member("address", .string(min: 3, max: 254), "The mail address.")
    private static let password = Schema.Member("password", .string(min: 1, max: 4_096), "The password.")
    private static let name = Schema.Member("name", .string(min: 1, max: 100), "The name that others see.")
    private static let code = Schema.Member("code", .string(min: 1, max: 100), "The one-time code.")
    private static let device = "daybook-device"

    var all: [Route] { [signUp, first, logIn, logOut, me, sessions, endSession, changePassword, resetPassword] }

    private var signUp: Route {
        Route(
            .post,
            "/api/v1/auth/signup",
            "Ask for an account",
            details:
                "The answer is the same whether or not the address has an account. An administrator approves or rejects.",
            access: .public,
            body: .json(.object([Self.address, Self.password, Self.name])),
            answers: [AnswerRule(202, "Noted; an administrator answers.", Self.status)],
            problems: ["rejected.invalid", "rejected.conflict", "auth.throttled", "busy", "storage"]
        ) { call in
            try await home.doorkeeper.signUp(
                address: call.text("address"),
                password: call.password("password"),
                name: call.text("name"),
                machine: call.connection.machine,
                auth: "anonymous/http"
            )
            return .json(["status": "pending"], status: 202)
        }
    }

    private static let status = Schema.object([Schema.Member("status", .string(max: 20), "Where the account stands.")])

    private var first: Route {
        Route(
            .post,
            "/api/v1/auth/first-administrator",
            "Become the first administrator",
            details: "Takes the one-time code that the server printed; works only while nobody administers the home.",
            access: .public,
            body: .json(.object([Self.code, Self.address, Self.password, Self.name])),
            answers: [AnswerRule(201, "You administer this home; log in.", Self.status)],
            problems: ["auth.login", "rejected.invalid", "rejected.conflict", "auth.throttled", "busy", "storage"]
        ) { call in
            _ = try await home.doorkeeper.becomeFirstAdministrator(
                code: call.text("code"),
                address: call.text("address"),
                password: call.password("password"),
                name: call.text("name"),
                auth: "code/http"
            )
            return .json(["status": "active"], status: 201)
        }
    }

    private var logIn: Route {
        Route(
            .post,
            "/api/v1/auth/login",
            "Log in",
            details:
                "Sets the session's cookie. With `token: true` the token stands in the answer too, for programs. At most three "
                + "sessions live at once; the oldest ends.",
            access: .public,
            headers: [Parameter("cookie", .string(max: 16_384), "Knows the browser again.")],
            body: .json(
                .object([
                    Self.address, Self.password,
                    Schema.Member("token", .boolean, "Whether the answer shows the token.", isOptional: true),
                ])
            ),
            answers: [
                AnswerRule(
                    200,
                    "Logged in.",
                    .object([
                        Schema.Member("user", .uuid, "The pseudonym."),
                        Schema.Member("name", .string(max: 200), "The name that others see."),
                        Schema.Member("session", .uuid, "The session."),
                        Schema.Member("expires_at", .moment, "When it ends at the latest."),
                        Schema.Member("token", .string(max: 4_096), "For `Authorization: Bearer`.", isOptional: true),
                    ])
                )
            ],
            problems: ["auth.login", "auth.throttled", "rejected.invalid", "rejected.not-allowed", "busy", "storage"]
        ) { call in
            let login = try await home.doorkeeper.logIn(
                LoginAttempt(
                    address: call.text("address"),
                    password: call.password("password"),
                    machine: call.connection.machine,
                    deviceMark: call.headers["cookie"].flatMap { Self.cookie(Self.device, in: $0) },
                    auth: "session/http"
                )
            )
            var members: [String: JSONValue] = [
                "user": .string(login.user.text), "name": .string(home.name(login.user.text)),
                "session": .string(login.session), "expires_at": .string(login.expiresAt.description),
            ]
            if call.json["token"] == .bool(true) { members["token"] = .string(login.token) }
            var answer = Answer.json(.object(members))
            let isSecure = call.connection.isSecure
            answer.cookies = [
                Self.cookie(ServiceParts.cookieName(isSecure: isSecure), login.token, isSecure: isSecure),
                Self.cookie(Self.device, login.deviceMark, isSecure: isSecure, days: 400),
            ]
            return answer
        }
    }

    private var logOut: Route {
        Route(
            .post,
            "/api/v1/auth/logout",
            "Log out",
            details: "Ends the session of this request, in every process, from the next request on.",
            access: .requires(.ownAccount),
            answers: [AnswerRule(204, "The session has ended.", nil)],
            problems: ["rejected.invalid", "storage"]
        ) { call in
            let (user, session) = try Self.session(of: call)
            try await home.doorkeeper.logOut(session: session, of: user, auth: "session/http")
            var answer = Answer(status: 204)
            let name = ServiceParts.cookieName(isSecure: call.connection.isSecure)
            answer.cookies = [Self.cookie(name, "", isSecure: call.connection.isSecure, days: 0)]
            return answer
        }
    }

    private var me: Route {
        Route(
            .get,
            "/api/v1/auth/me",
            "Who calls, and what the caller may do",
            access: .authenticated,
            answers: [
                AnswerRule(
                    200,
                    "The caller.",
                    .object([
                        Schema.Member("actor", .uuid, "The pseudonym."),
                        Schema.Member("name", .string(max: 1_000), "The name that others see."),
                        Schema.Member("role", .choice(Role.texts), "The role.", isOptional: true),
                        Schema.Member("way", .choice(["session", "key", "socket"]), "How the caller is known."),
                        Schema.Member(
                            "permissions",
                            .array(.choice(RoutingDomain.Permission.texts), max: 20),
                            "In order."
                        ),
                    ])
                )
            ]
        ) { call in
            guard let caller = call.caller else {
                throw Problem(ProblemCatalogue.unauthenticated, "Nobody is logged in.")
            }
            var members: [String: JSONValue] = [
                "actor": .string(caller.actor), "name": .string(home.name(caller.actor)),
                "way": .string(caller.way.rawValue),
                "permissions": .array(caller.permissions.sorted().map { .string($0.name) }),
            ]
            let role = caller.way == .key ? Role.service : home.feed.verifier.access.users[caller.actor]?.role
            members["role"] = role.map { .string($0.rawValue) }
            return .json(.object(members))
        }
    }

    private var sessions: Route {
        Listing<SessionRow>.route(
            "/api/v1/auth/sessions",
            "One's own sessions",
            home,
            access: .requires(.ownAccount),
            filters: [Parameter("user", .uuid, "Another user's, for administrators of people.")],
            people: ["user_id"],
            isRemembered: false
        ) { db, request in
            let page = try Sessions.page(
                db,
                user: request.values["user"],
                at: request.now,
                after: request.afterPosition,
                limit: request.limit
            )
            return Listing.Page(page)
        }
        .narrowed { call in
            guard let caller = call.caller else { return call }
            let isAdministrator = caller.permissions.contains(.administerPeople)
            guard let user = call.query["user"], user != caller.actor else {
                return call.with(query: ["user": caller.actor])
            }
            guard isAdministrator else {
                throw Problem(ProblemCatalogue.forbidden, "These are another user's sessions.")
            }
            return call
        }
    }

    private var endSession: Route {
        Route.write(
            .delete,
            "/api/v1/auth/sessions/{session}",
            "End a session",
            details: "One's own; those of others need the right to administer people, and a reason.",
            access: .requires(.ownAccount),
            path: [Parameter("session", .uuid, "The session.")],
            query: [Parameter("reason", .string(min: 1, max: 2_000), "Why; needed for another user's.")],
            body: nil
        ) { call in
            guard let caller = call.caller else {
                throw Problem(ProblemCatalogue.unauthenticated, "Nobody is logged in.")
            }
            let id = call.path["session"] ?? ""
            let writing = Writing(home: home)
            guard let session = home.feed.verifier.access.sessions[id],
                session.user == caller.actor || caller.permissions.contains(.administerPeople)
            else { throw Problem(ControlProblems.unknown, "No session of yours has that identifier.") }
            guard session.user == caller.actor else {
                let command = RevokeSessions(userId: session.user, sessionId: id)
                return try await writing.send(command, call, reason: call.query["reason"])
            }
            return try await writing.send(EndSession(sessionId: id, userId: session.user, cause: .logout), call)
        }
    }

    private var changePassword: Route {
        Route(
            .post,
            "/api/v1/auth/password",
            "Change one's own password",
            details: "Ends every other session.",
            access: .requires(.ownAccount),
            body: .json(
                .object([
                    Self.password, Schema.Member("new_password", .string(min: 1, max: 4_096), "The new password."),
                ])
            ),
            answers: [AnswerRule(204, "It holds from now on.", nil)],
            problems: ["auth.login", "auth.throttled", "rejected.invalid", "busy", "storage"]
        ) { call in
            let (user, session) = try Self.session(of: call)
            try await home.doorkeeper.changePassword(
                of: user,
                from: call.password("password"),
                to: call.password("new_password"),
                keeping: session,
                machine: call.connection.machine,
                auth: "session/http"
            )
            return Answer(status: 204)
        }
    }

    private var resetPassword: Route {
        Route(
            .post,
            "/api/v1/auth/password/reset",
            "Set a password with an administrator's one-time code",
            details: "Ends every session of the account.",
            access: .public,
            body: .json(
                .object([Self.code, Schema.Member("new_password", .string(min: 1, max: 4_096), "The new password.")])
            ),
            answers: [AnswerRule(204, "It holds from now on; log in.", nil)],
            problems: ["auth.login", "rejected.invalid", "busy", "storage"]
        ) { call in
            try await home.doorkeeper.resetPassword(
                code: call.text("code"),
                to: call.password("new_password"),
                auth: "code/http"
            )
            return Answer(status: 204)
        }
    }

    /// The user and session of a request that came by a session.
    private static func session(of call: Call) throws(Problem) -> (UUID, String) {
        guard let caller = call.caller, caller.way == .session, let user = UUID(uuidString: caller.actor) else {
            throw Problem(ControlProblems.invalid, "Only a session has this.", hint: "log in with address and password")
        }
        return (user, caller.handle)
    }

    private static func cookie(_ name: String, in field: String) -> String? {
        field.split(separator: ";").map { $0.trimmingPrefix(" ") }.first { $0.hasPrefix("\(name)=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    private static func cookie(_ name: String, _ value: String, isSecure: Bool, days: Int? = nil) -> String {
        let age = days.map { "; Max-Age=\($0 * 86_400)" } ?? ""
        return "\(name)=\(value); Path=/; HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")\(age)"
    }
}

extension Set<Serving.Permission> {
    /// Whether a permission of the domain is among them.
    func contains(_ permission: RoutingDomain.Permission) -> Bool { contains(Serving.Permission(permission.rawValue)) }
}

extension Call {
    /// The text of a body's member that the route's schema demands.
    func text(_ name: String) -> String { json[name]?.text ?? "" }

    /// The password of a body's member; throws ``Accounts/AccountFault`` for one that cannot be any.
    func password(_ name: String) throws -> Password { try Password(Array(text(name).utf8)) }
}
