internal import CanonicalJSON
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// What is or was wrong, and who has seen it.
struct AlertRoutes: Sendable {
    let home: ControlHome
    private static let alert = Parameter(
        "alert",
        .string(min: 1, max: 100, pattern: "[a-z0-9._-]+"),
        "Its name, for example disk_low.data."
    )

    var all: [Route] { [list, acknowledge] }

    private var list: Route {
        Listing<AlertRow>.route(
            "/api/v1/alerts",
            "Alerts, the latest opened first",
            details: "Those that a full disk keeps out of the log stand in /health until there is room.",
            home,
            filters: [
                Parameter("open", .boolean, "Only those that are open, or only the closed ones."),
                Parameter("kind", .choice(AlertKind.texts), "Only this kind."),
            ],
            people: ["acknowledged_by"],
            takesMoment: true
        ) { db, request in
            Listing.Page(
                try Alerts.page(
                    db,
                    isOpen: request.values["open"].map { $0 == "true" },
                    kind: request.values["kind"],
                    after: request.afterPosition,
                    limit: request.limit
                )
            )
        }
    }

    private var acknowledge: Route {
        Route.write(
            .post,
            "/api/v1/alerts/{alert}/ack",
            "Say that one has seen an alert, and what is being done",
            details: "Once for each opening. It stays open until what it tells of is over.",
            access: .requires(.operate),
            path: [Self.alert],
            body: [Writing.reason]
        ) { call in
            let command = AcknowledgeAlert(alert: call.path["alert"] ?? "")
            return try await Writing(home: home).send(command, call, read: "/api/v1/alerts")
        }
    }
}
