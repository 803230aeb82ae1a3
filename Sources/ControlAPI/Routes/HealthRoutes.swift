internal import CanonicalJSON
internal import RoutingDomain
internal import Serving

/// How the service fares: for the machine that restarts it, for the one that sends it requests, and for people.
struct HealthRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [live, ready, health] }

    private var live: Route {
        Route(
            .get,
            "/health/live",
            "Whether the process answers",
            details: "Needs no login and touches nothing. A process that does not answer this should be started again.",
            access: .public,
            answers: [
                AnswerRule(
                    200,
                    "It does.",
                    .object([Schema.Member("state", .choice(["live"]), "That it answers.")])
                )
            ]
        ) { _ in
            .json(["state": "live"])
        }
    }

    private var ready: Route {
        Route(
            .get,
            "/health/ready",
            "Whether the service can answer requests now",
            details:
                "Needs no login. The log is open, the read models are at hand, and the service is not ending; else 503.",
            access: .public,
            answers: [
                AnswerRule(200, "It can.", .object([Schema.Member("state", .choice(["ready"]), "That it can.")]))
            ],
            problems: ["health.not-ready"]
        ) { _ in
            guard let reason = home.health.unreadiness else { return .json(["state": "ready"]) }
            throw Problem(
                ControlProblems.notReady,
                ControlProblems.sentence(reason),
                headers: ["Retry-After": "1"]
            )
        }
    }

    private static let part = Schema.named(
        "HealthPart",
        .object([
            Schema.Member("name", .string(max: 100), "Its name."),
            Schema.Member("state", .choice(HealthState.texts), "How it fares; unknown: nobody has looked yet."),
            Schema.Member("since", .moment, "Since when, as far as this process knows."),
            Schema.Member("what", .string(max: 100_000), "What was found."),
            Schema.Member("do", .string(max: 10_000), "What to do; empty where nothing is to be done."),
            Schema.Member("facts", .any, "Numbers and names behind the sentence."),
        ])
    )

    private var health: Route {
        Route(
            .get,
            "/health",
            "How every part of the service fares, since when, and what to do",
            details:
                "Looks are taken all the time in the background: this answers at once with the last of each, and a look that does not "
                + "come back is told as such. The state of the whole is the worst of its parts; the status is 200 whatever it is.",
            access: .requires(.read),
            answers: [
                AnswerRule(
                    200,
                    "The parts.",
                    .object([
                        Schema.Member("state", .choice(HealthState.texts), "The worst of the parts."),
                        Schema.Member("parts", .array(Self.part, max: 100), "The parts."),
                    ])
                )
            ]
        ) { _ in
            .json(home.health.document.json)
        }
    }
}
