internal import CanonicalJSON
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// What inference workers answer, for whoever reaches only this service: a browser.
///
/// The body goes to a joined worker as it came, with the caller's own session or key, and its answer comes back as it is.
struct ForwardRoutes: Sendable {
    let home: ControlHome

    var all: [Route] {
        [
            route("proposals", "How parts are to be made: routings, minutes, confidence and the parts that tell so"),
            route("similar", "The parts that are most like the ones asked for"),
        ]
    }

    /// Bytes of a request at most: 1,000 parts with all they have.
    private static let limit = 8 << 20

    private func route(_ word: String, _ summary: String) -> Route {
        Route(
            .post,
            "/api/v1/\(word)",
            summary,
            details:
                "Passed on to an inference worker that has joined, with the caller's own session or key; its own page describes body and "
                + "answer. A worker is asked directly where it can be reached: that is faster.",
            access: .requires(.read),
            body: .stream(mediaType: "application/json", limit: Self.limit),
            answers: [AnswerRule(200, "The worker's answer.", .any)],
            problems: ["inference.unavailable", "rejected.invalid", "body.too-large"]
        ) { call in
            try await forward(call, to: "/v1/\(word)")
        }
    }

    private func forward(_ call: Call, to path: String) async throws -> Answer {
        guard let token = call.token() else {
            throw Problem(
                ControlProblems.notAllowed,
                "A worker asks who calls, and the local socket has no session or key to show.",
                hint: "`daybook ask` answers on this machine; else come with a session or a service key"
            )
        }
        guard let calling = home.calling else { throw Self.unavailable("this service passes nothing on") }
        let (rows, active) = try await home.registry.read { db in
            (try InferenceWorkers.list(db), try Models.active(db)?.version)
        }
        let urls = home.workers.urls(of: rows, active: active)
        guard !urls.isEmpty else { throw Self.unavailable("none has joined and said where it answers") }
        var body: [UInt8] = []
        try await call.stream.parts(of: 1 << 20) { body += $0 }
        var unreached: [String] = []
        for url in urls.prefix(3) {
            let request = WorkerCall(url: url, path: path, token: token, requestID: call.requestID, body: body)
            do {
                let answer = try await calling(request)
                return Answer(status: answer.status, body: .bytes(answer.body, type: answer.type))
            } catch WorkerCallFault.unreached(let words) {
                unreached.append("\(url): \(words)")
            } catch WorkerCallFault.unanswered(let words) {
                throw Self.unavailable(
                    "\(url) was asked, and \(words)",
                    hint: "that worker runs and stands still: `daybook inference list` names it; start it again"
                )
            }
        }
        throw Self.unavailable(unreached.joined(separator: "; "))
    }

    private static func unavailable(_ why: String, hint: String? = nil) -> Problem {
        Problem(
            ControlProblems.noWorker,
            "No inference worker answers: \(why).",
            headers: ["Retry-After": "2"],
            hint: hint
        )
    }
}
