internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Changes that are looked at afterwards, and the rules of approval.
struct ChangeRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }

    var all: [Route] { [list, review, rules, setRule] }

    private var list: Route {
        Listing<ChangeRow>.route(
            "/api/v1/changes",
            "Emergency changes, console writes, temporary changes and changed rules, the latest first",
            home,
            filters: [
                Parameter("kind", .choice(Changes.Kind.allCases.map(\.rawValue)), "Only these."),
                Parameter("open", .boolean, "Only those that wait for a review or their end, or only the others."),
            ],
            people: ["actor", "closed_by"],
            takesMoment: true
        ) { db, request in
            let kinds = request.values["kind"].flatMap { Changes.Kind(rawValue: $0) }.map { Set([$0]) }
            // One change stands once under each kind it has: a page ends behind the last of them.
            let rows = try Changes.list(
                db,
                kinds: kinds ?? Set(Changes.Kind.allCases),
                isOpen: request.values["open"].map { $0 == "true" },
                before: request.afterPosition ?? request.before,
                limit: request.limit + Changes.Kind.allCases.count
            )
            guard rows.count > request.limit else { return Listing.Page(rows, next: nil) }
            let last = rows[request.limit - 1].changePosition
            let page = rows.filter { $0.changePosition >= last }
            return Listing.Page(page, next: page.count < rows.count ? "\(last)" : nil)
        }
    }

    private var review: Route {
        Route.write(
            .post,
            "/api/v1/changes/{position}/review",
            "Say that one has looked at a change of another person",
            access: .requires(.approve),
            path: [Parameter("position", .position, "Where the change stands.")],
            body: [Writing.reason]
        ) { call in
            let (position, home) = (UInt64(call.path["position"] ?? "") ?? 0, home)
            let stream = try await home.blocking { try home.event(at: position).stream.text }
            let command = ReviewChange(
                position: Int(position),
                stream: stream,
                reviewer: call.caller?.actor ?? ""
            )
            return try await writing.send(command, call, read: "/api/v1/changes")
        }
    }

    private var rules: Route {
        Listing<ApprovalRuleRow>.route(
            "/api/v1/approval-rules",
            "The rules of four eyes that somebody has set; an action without one waits for nobody",
            home,
            people: ["set_by"],
            takesMoment: true
        ) { db, _ in
            Listing.Page(try Approvals.rules(db), next: nil)
        }
    }

    private var setRule: Route {
        Route.write(
            .put,
            "/api/v1/approval-rules/{action}",
            "Switch four eyes on or off for an action",
            details: "Listed under changes until another person reviewed it.",
            access: .requires(.administerPeople),
            path: [Parameter("action", .choice(ApprovalAction.texts), "The action.")],
            body: [
                Schema.Member("is_required", .boolean, "Whether it needs another person's approval."),
                Schema.Member("valid_hours", .integer(1...720), "How long a request is good.", isOptional: true),
                Writing.reason, Writing.password,
            ],
            problems: ["auth.password", "auth.throttled", "busy"]
        ) { call in
            guard let action = ApprovalAction(rawValue: call.path["action"] ?? "") else {
                throw Problem(ControlProblems.unknown, "There is no such action.")
            }
            let command = SetApprovalRule(
                action: action,
                isRequired: call.json["is_required"] == .bool(true),
                validHours: call.json["valid_hours"]?.number
            )
            return try await writing.send(command, call, isSigned: true, read: "/api/v1/approval-rules")
        }
    }
}
