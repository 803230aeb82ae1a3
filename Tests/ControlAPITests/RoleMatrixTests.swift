import Accounts
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain
import Serving
import SignIn
import Testing

@testable import ControlAPI

/// Every route against every caller, from the routes' own declarations.
@Suite("Roles and routes", .timeLimit(.minutes(15)))
struct RoleMatrixTests {
    /// What docs/people.md promises, written down a second time.
    static let promised: [Role: Set<RoutingDomain.Permission>] = [
        .viewer: [.ownAccount, .read, .observe],
        .operator: [.ownAccount, .read, .observe, .export, .operate],
        .trainer: [.ownAccount, .read, .observe, .export, .train],
        .approver: [.ownAccount, .read, .observe, .export, .approve],
        .auditor: [.ownAccount, .read, .observe, .export],
        .admin: [
            .ownAccount, .read, .observe, .export, .operate, .train, .approve, .maintain, .report, .administerPeople,
            .administerKeys,
        ],
    ]

    /// Somebody who calls: what the token shows, and what it may open; nil for a token that is worth nothing.
    struct Somebody: Sendable {
        let name: String
        let token: String?
        let permissions: Set<RoutingDomain.Permission>?
    }

    @Test("Every route answers every caller as it declares: 401 without a living credential, 403 without the right")
    func matrix() async throws {
        try await RunningHome.with { home in
            let callers = try await Self.callers(home)
            let size = try home.log.head().size
            for route in ControlRoutes.all(home.control) {
                for caller in callers { try await Self.check(route, caller, home) }
            }
            #expect(try home.log.head().size == size, "the probes changed something")
        }
    }

    /// Rights are looked at before parameters: a parameter that no route has shows who got that far, and nothing is done.
    private static func check(_ route: Route, _ caller: Somebody, _ home: RunningHome) async throws {
        let probe = RouteProbe(route: route)
        let answer = try await home.send(
            route.method.rawValue,
            "\(probe.path)?no-such-parameter=1",
            bytes: probe.body?.bytes,
            type: probe.body?.type ?? "application/json",
            token: caller.token
        )
        let expected: (Int, String) =
            switch route.access {
            case .public: (400, "parameter")
            case _ where caller.permissions == nil: (401, "auth.required")
            case .authenticated: (400, "parameter")
            case .requires(let permission):
                caller.permissions?.contains { $0.rawValue == permission.name } == true
                    ? (400, "parameter") : (403, "auth.forbidden")
            }
        let title = "\(caller.name): \(route.method.rawValue) \(route.path)"
        #expect(answer.status == expected.0 && answer.code == expected.1, "\(title): \(answer.status) \(answer.text)")
    }

    private static func callers(_ home: RunningHome) async throws -> [Somebody] {
        var all = [Somebody(name: "anonymous", token: nil, permissions: nil)]
        for (role, permissions) in promised.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let token = try await home.user(role).token
            all.append(Somebody(name: role.rawValue, token: token, permissions: permissions))
        }
        let account = UUID().text
        _ = try await home.control.commands.handle(
            CreateServiceAccount(account: account, name: "line-3"),
            by: .system(reason: "a test")
        )
        for scope in RoutingDomain.Permission.forServices.sorted(by: { $0.rawValue < $1.rawValue }) {
            let key = try await home.key(scope: [scope.rawValue], account: account)
            all.append(Somebody(name: "key for \(scope.rawValue)", token: key.token, permissions: [scope]))
        }
        return all + (try await worthless(home, account: account))
    }

    /// Tokens that were good once, each of an administrator or with the widest scope.
    private static func worthless(_ home: RunningHome, account: String) async throws -> [Somebody] {
        var all: [Somebody] = []
        func add(_ name: String, _ token: String) { all.append(Somebody(name: name, token: token, permissions: nil)) }
        let (doorkeeper, commands) = (home.control.doorkeeper, home.control.commands)
        let why = Sender.system(reason: "a test")
        let disabled = try await home.user(.admin)
        _ = try await doorkeeper.disable(disabled.id, by: why)
        add("disabled", disabled.token)
        let revoked = try await home.user(.admin)
        _ = try await commands.handle(RevokeSessions(userId: revoked.id.text), by: why)
        add("revoked session", revoked.token)
        let out = try await home.user(.admin)
        #expect(try await home.post("/api/v1/auth/logout", token: out.token).status == 204)
        add("logged out", out.token)
        let erased = try await home.user(.admin)
        _ = try await commands.handle(ErasePerson(subject: erased.id.text, basis: "a request"), by: why)
        add("erased", erased.token)
        let waiting = try await home.post(
            "/api/v1/auth/signup",
            ["address": "waits@plant.example", "password": .string(RunningHome.password), "name": "Waits"]
        )
        #expect(waiting.status == 202)
        await #expect(throws: (any Error).self, "a pending user cannot log in") { try await home.logIn("waits") }
        let session = UUID().text
        let living = try await home.user(.admin)
        _ = try await commands.handle(StartSession(sessionId: session, userId: living.id.text), by: why)
        let past = Timestamp(microseconds: home.control.now.microseconds - 3_600_000_000)
        let expired = try await home.control.keys.signer.token(
            session: session,
            user: living.id.text,
            from: past,
            until: Timestamp(microseconds: past.microseconds + 1_800_000_000)
        )
        add("expired token", expired)
        let key = try await home.key(scope: RoutingDomain.Permission.forServices.map(\.rawValue), account: account)
        _ = try await commands.handle(RevokeServiceKey(keyId: key.id), by: why)
        add("revoked key", key.token)
        return all
    }

    @Test("What is open to everyone is a short list, and nothing changes anything with the right to read alone")
    func declarations() async throws {
        try await RunningHome.with { home in
            let routes = ControlRoutes.all(home.control)
            let open = routes.filter { $0.access == .public }.map { "\($0.method.rawValue) \($0.path)" }
            #expect(
                Set(open) == [
                    "POST /api/v1/auth/signup", "POST /api/v1/auth/first-administrator", "POST /api/v1/auth/login",
                    "POST /api/v1/auth/password/reset", "GET /health/live", "GET /health/ready",
                ]
            )
            // They ask a worker, and are POST for the body alone.
            let asking: Set = ["/api/v1/proposals", "/api/v1/similar"]
            // Who asked for a job may call it off and do it again, whatever right that took.
            let own: Set = ["/api/v1/jobs/{job}/cancel", "/api/v1/jobs/{job}/retry"]
            for route in routes where route.method.isUnsafe && !asking.union(own).contains(route.path) {
                #expect(route.access != .authenticated && route.access != .requires(.read), "\(route.path)")
            }
        }
    }

    @Test("An auditor who calls every route with what it asks for changes nothing of the plant")
    func auditor() async throws {
        try await RunningHome.with { home in
            let (token, id) = try await home.user(.auditor)
            let size = try home.log.head().size
            for route in ControlRoutes.all(home.control) where !route.path.hasPrefix("/api/v1/auth/") {
                let probe = RouteProbe(route: route)
                let (body, type) = (probe.body?.bytes, probe.body?.type ?? "application/json")
                let answer = try await home.send(
                    route.method.rawValue,
                    probe.fullPath,
                    bytes: body,
                    type: type,
                    token: token
                )
                // Nobody looks at the health of this home, so that it is not ready, and no worker has joined.
                let isAbsent = ["health.not-ready", "inference.unavailable"].contains(answer.code ?? "")
                #expect(answer.status < 500 || isAbsent, "\(route.path): \(answer.text)")
            }
            let made = try home.log.page(from: size, limit: 1_000).events.filter { $0.actor == id }
            // What is taken out of the house is on record, and so is the work that it takes.
            let records: Set = ["document.exported", "job.requested", "job.cancelled"]
            #expect(made.allSatisfy { records.contains($0.type) }, "\(made.map(\.type))")
            // The control: an operator's call of the same kind is seen.
            let (worker, person) = try await home.user(.operator)
            let opened: JSONValue = ["fields": ["sprint": "w0", "kind": "wave", "title": "First"]]
            #expect(try await home.post("/api/v1/commands/open-sprint", opened, token: worker).status == 200)
            #expect(
                try home.log.page(from: size, limit: 1_000).events.contains {
                    $0.actor == person && $0.type == "sprint.opened"
                }
            )
        }
    }
}

extension RunningHome {
    /// Issues a service key.
    func key(scope: [String], account: String) async throws -> (token: String, id: String) {
        let id = UUID().text
        let command = IssueServiceKey(keyId: id, account: account, scope: scope, days: 1)
        return (try await control.doorkeeper.issueServiceKey(command, by: .system(reason: "a test")).key, id)
    }
}
