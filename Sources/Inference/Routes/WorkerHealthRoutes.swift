internal import CanonicalJSON
internal import Metering
internal import Observing
internal import RoutingDomain
internal import Serving

/// How the worker fares, for supervisors, proxies and people; and its numbers.
struct WorkerHealthRoutes: Sendable {
    let home: InferenceHome

    var all: [Route] { [live, ready, health, metrics] }

    private var live: Route {
        Route(
            .get,
            "/health/live",
            "Whether the process answers",
            details: "Needs no login and touches nothing.",
            access: .public,
            answers: [
                AnswerRule(200, "It does.", .object([Schema.Member("state", .choice(["live"]), "That it answers.")]))
            ]
        ) { _ in
            .json(["state": "live"])
        }
    }

    private var ready: Route {
        Route(
            .get,
            "/health/ready",
            "Whether a version is loaded",
            details: "Needs no login.",
            access: .public,
            answers: [
                AnswerRule(200, "One is.", .object([Schema.Member("state", .choice(["ready"]), "That it can answer.")]))
            ],
            problems: ["inference.no-model"]
        ) { _ in
            _ = try home.answering()
            return .json(["state": "ready"])
        }
    }

    private var health: Route {
        Route(
            .get,
            "/health",
            "How every part of the worker fares, and what to do",
            details: "The state of the whole is the worst of its parts; the status is 200 whatever it is.",
            access: .requires(Serving.Permission(RoutingDomain.Permission.read.rawValue)),
            answers: [
                AnswerRule(
                    200,
                    "The parts.",
                    .object([
                        Schema.Member(
                            "state",
                            .choice(WorkerPart.State.allCases.map(\.rawValue)),
                            "The worst of the parts."
                        ),
                        Schema.Member("worker", .string(max: 60), "Who this is."),
                        Schema.Member("parts", .array(.any, max: 100), "name, state, what, do and facts of each."),
                    ])
                )
            ]
        ) { _ in
            let parts = WorkerPart.all(of: home.worker)
            let worst = parts.map(\.state).max() ?? .ok
            return .json([
                "state": .string(worst.rawValue), "worker": .string(home.worker.name.worker),
                "parts": .array(parts.map(\.json)),
            ])
        }
    }

    private var metrics: Route {
        Route(
            .get,
            "/metrics",
            "The numbers of this moment, for Prometheus",
            access: .requires(Serving.Permission(RoutingDomain.Permission.observe.rawValue)),
            answers: [AnswerRule(200, "The samples.", .string(max: 16 << 20), mediaType: "text/plain")]
        ) { _ in
            Answer(body: .bytes(home.observation.metrics.text(), type: "text/plain; version=0.0.4; charset=utf-8"))
        }
    }
}

/// One part of a worker's health.
struct WorkerPart: Sendable {
    enum State: String, CaseIterable, Comparable {
        case ok, degraded, failed

        static func < (left: State, right: State) -> Bool { left.rank < right.rank }
        private var rank: Int { self == .ok ? 0 : self == .degraded ? 1 : 2 }
    }

    let name: String
    var state = State.ok
    var what: String
    var toDo = ""
    var facts: JSONValue = [:]

    var json: JSONValue {
        [
            "name": .string(name), "state": .string(state.rawValue), "what": .string(what), "do": .string(toDo),
            "facts": facts,
        ]
    }

    static func all(of worker: Worker) -> [WorkerPart] {
        let (condition, served) = (worker.condition, worker.active.served)
        var parts = [model(condition, served), log(condition, worker.trouble), reports(condition)]
        if let served { parts.append(caches(served)) }
        return parts
    }

    private static func model(_ condition: Worker.Condition, _ served: ServedModel?) -> WorkerPart {
        var part = WorkerPart(name: "model", what: "nothing is active")
        if let served {
            part.what = "\(served.order.version) serves"
            part.facts = [
                "version": .string(served.order.version), "position": .integer(Int(served.order.position)),
                "index_handle": .string(served.handle), "index_bytes": .integer(served.indexBytes),
                "load_ms": .integer(served.loadMs), "warnings": .array(served.warnings.map { .string($0) }),
            ]
        } else if condition.order != nil {
            part.state = .failed
            part.what = "no version is loaded"
        } else if !condition.knowsLog {
            (part.state, part.what) = (.degraded, "what is active is not known: the log was not read yet")
        }
        if let fault = condition.fault, let order = condition.order {
            part.state = served == nil ? .failed : .degraded
            part.what += "; \(order.version) is ordered and was not loaded: \(fault.message)"
            part.toDo = fault.hint
        } else if condition.isLoading, let order = condition.order {
            part.what += "; \(order.version) is being loaded"
        }
        return part
    }

    private static func log(_ condition: Worker.Condition, _ trouble: String?) -> WorkerPart {
        var part = WorkerPart(name: "log", what: "followed up to position \(condition.checkpoint)")
        part.facts = ["checkpoint": .integer(Int(condition.checkpoint))]
        if let trouble {
            part.state = .degraded
            part.what = "known up to position \(condition.checkpoint), and cannot be followed now: \(trouble)"
            part.toDo =
                "see that the control service runs, that both are of one version, and that the key has the scopes read and report; "
                + "what serves serves on, and catches up then"
        }
        return part
    }

    private static func reports(_ condition: Worker.Condition) -> WorkerPart {
        guard let unheard = condition.unheard else {
            return WorkerPart(
                name: "reports",
                what: condition.hasJoined ? "the control service hears this worker" : "not joined yet"
            )
        }
        return WorkerPart(
            name: "reports",
            state: .degraded,
            what: "the control service does not hear this worker: \(unheard)",
            toDo: "see that it runs and that the key has the scope report; what is untold is told when it hears again"
        )
    }

    private static func caches(_ served: ServedModel) -> WorkerPart {
        let caches = served.caches
        let facts = caches.map { name, figures -> (String, JSONValue) in
            let asked = figures.hits + figures.misses
            return (
                name,
                [
                    "entries": .integer(figures.entries), "limit": .integer(figures.limit),
                    "hits": .integer(figures.hits),
                    "misses": .integer(figures.misses),
                    "hit_percent": .integer(asked == 0 ? 0 : figures.hits * 100 / asked),
                    "full_percent": .integer(figures.limit == 0 ? 100 : figures.entries * 100 / figures.limit),
                ]
            )
        }
        let words = caches.map { "\($0.name) \($0.figures.entries) of \($0.figures.limit)" }
        return WorkerPart(
            name: "caches",
            what: words.joined(separator: ", "),
            facts: .object(Dictionary(uniqueKeysWithValues: facts))
        )
    }
}
