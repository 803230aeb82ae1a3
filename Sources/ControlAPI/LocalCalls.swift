internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import RoutingDomain
internal import Serving

/// What the command line adds to a request: who acts, upon which versions, under which key; and the refusals in the decider's words.
extension Writing {
    static let expecting = Schema.Member(
        "expecting",
        .map(.position, max: 100),
        "Streams with the versions that they must be at.",
        isOptional: true
    )
    static let keyInBody = Schema.Member(
        "idempotency_key",
        .string(max: 65_535),
        "In place of Idempotency-Key, for a key that no header field can hold.",
        isOptional: true
    )
    static let actingAs = Schema.Member(
        "as_actor",
        .uuid,
        "At the local socket: the known person who acts, where it is not the user's own.",
        isOptional: true
    )

    /// The stream versions that the body says must hold.
    static func expecting(_ call: Call) -> [String: UInt64] {
        (call.json["expecting"]?.members ?? [:]).compactMapValues { $0.number.map { UInt64($0) } }
    }

    /// The key of the header field, else of the body.
    static func idempotencyKey(_ call: Call) -> String? {
        call.headers["idempotency-key"] ?? call.json["idempotency_key"]?.text
    }

    /// Throws where somebody elsewhere sends what only the local socket takes.
    static func requireLocal(_ names: [String], _ call: Call) throws(Problem) {
        guard call.caller?.way != .socket, let name = names.first(where: { call.json[$0] != nil }) else { return }
        throw Problem(
            ControlProblems.notAllowed,
            "Only the local socket takes \(name).",
            facts: ["field": .string(name)]
        )
    }

    /// The sender, acting as the known person whom `as_actor` names.
    func acting(_ sender: Sender, _ call: Call) async throws -> Sender {
        guard let pseudonym = call.json["as_actor"]?.text else { return sender }
        try Self.requireLocal(["as_actor"], call)
        let people = home.people
        guard let id = UUID(uuidString: pseudonym), try await home.blocking({ try people.person(id: id) }) != nil else {
            throw Problem(
                ControlProblems.notAllowed,
                "Nobody is known by that pseudonym.",
                facts: ["field": "as_actor"]
            )
        }
        var sender = sender
        sender.actor = id
        return sender
    }

    /// Answers a request; what refuses it carries the domain's own clause beside the sentence, so that another process can say exactly
    /// the same.
    static func exactly(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch {
            throw exact(error)
        }
    }

    private static func exact(_ error: any Error) -> any Error {
        var facts: [String: JSONValue] = [:]
        switch error {
        case let rejection as Rejection:
            facts = ["message": .string(rejection.message), "rejection": .string(rejection.kind.rawValue)]
        case let error as EventStoreError: facts = ["message": .string(error.message)]
        default: return error
        }
        guard let problem = ControlProblems.translate(error) else { return error }
        return Problem(
            problem.kind,
            problem.detail,
            facts: problem.facts.merging(facts) { $1 },
            headers: problem.headers,
            hint: problem.hint,
            cause: problem.cause
        )
    }
}
