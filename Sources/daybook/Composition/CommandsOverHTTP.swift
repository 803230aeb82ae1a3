import CanonicalJSON
import CommandHandling
import EventStore
import NIOHTTP1
import RoutingDomain

/// Commands as a running server takes them, and its answers as the command line knows them from the log itself.
struct CommandsOverHTTP: Sendable {
    let exchange: HTTPExchange
    /// Whom messages name: "the server of this home".
    let server: String
    /// The token of a remote server; the local socket needs none.
    var token: String?

    /// What goes with a command, beside its fields.
    struct Envelope: Sendable {
        var reason: String?
        var meaning: String?
        var expecting: [String: UInt64] = [:]
        var idempotencyKey: String?
        var actor: String?
        var asAsked: [UInt8]?
    }

    /// Sends a command and returns what the server made of it.
    ///
    /// Throws the ``RoutingDomain/Rejection`` or ``EventStore/EventStoreError`` that the server met, or a ``Failure``.
    func send<Sent: RequestedCommand>(_ command: Sent, _ envelope: Envelope) async throws -> CommandOutcome {
        let fields = JSONValue.object(try PayloadCoding.members(of: command))
        return try Self.outcome(of: try await send(Sent.name, fields, envelope))
    }

    /// Sends a command by its name.
    func send(_ name: String, _ fields: JSONValue, _ envelope: Envelope) async throws -> JSONValue {
        var members: [String: JSONValue] = ["fields": fields]
        members["meaning"] = envelope.meaning.map { .string($0) }
        members["as_asked"] = envelope.asAsked.map { .string(String(decoding: $0, as: UTF8.self)) }
        return try await ask("POST", "/api/v1/commands/\(name)", .object(members), envelope)
    }

    /// Any request with what goes with a command beside its fields; throws like ``send(_:_:)``.
    func ask(_ method: String, _ path: String, _ body: JSONValue, _ envelope: Envelope) async throws -> JSONValue {
        var members = body.members ?? [:]
        members["reason"] = envelope.reason.map { .string($0) }
        if !envelope.expecting.isEmpty {
            members["expecting"] = .object(envelope.expecting.mapValues { .integer(Int($0)) })
        }
        members["idempotency_key"] = envelope.idempotencyKey.map { .string($0) }
        members["as_actor"] = envelope.actor.map { .string($0) }
        return try await ask(method, path, .object(members), key: envelope.idempotencyKey)
    }

    /// Any request with a JSON answer; throws like ``send(_:_:)``.
    func ask(_ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil) async throws -> JSONValue {
        var headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        if body != nil { headers.append(("Content-Type", "application/json")) }
        let answer: HTTPExchange.Answer
        do {
            let bytes = Array((body?.prettyText ?? "").utf8)
            answer = try await exchange.send(.init(rawValue: method), path, headers: headers, body: bytes)
        } catch {
            throw failure(of: error, key: key, isWrite: method != "GET")
        }
        let document = (try? JSONReader.plain(answer.body)) ?? .null
        guard (200..<300).contains(answer.status) else { throw Self.error(in: document, status: answer.status) }
        return document
    }

    func failure(of error: any Error, key: String?, isWrite: Bool) -> any Error {
        switch error as? HTTPExchange.Fault {
        case .notListening where token != nil:
            return Failure(
                "server.unreachable",
                "\(server) does not answer: nobody listens there; nothing was sent",
                hint: "see that it runs and that the address is right, then try again",
                status: ExitStatus.tryAgain
            )
        case .notListening:
            return Failure(
                "server.unreachable",
                "\(server) runs, but nobody listens at its socket; nothing was sent",
                hint: "try again; if it stays so, look at its log, or write past it with --console",
                status: ExitStatus.tryAgain
            )
        case .refused(let words):
            return Failure(
                "server.refused",
                "\(server) cannot be reached: \(words); nothing was sent",
                hint: "look at its log; `daybook doctor` helps on its own machine",
                status: ExitStatus.tryAgain
            )
        case .unanswered(let words):
            let again = key == nil ? "`daybook events tail` shows whether it was" : "send it again with the same --key"
            return Failure(
                "server.unanswered",
                "\(server) was asked, but \(words)\(isWrite ? "; whether the command was done is not known" : "")",
                hint: isWrite ? again : "try again",
                status: ExitStatus.tryAgain
            )
        case nil: return error
        }
    }

    // MARK: - Answers

    /// The outcome that an answer tells of.
    static func outcome(of answer: JSONValue) throws -> CommandOutcome {
        // A repetition decides nothing, with a server as without one; what the first one recorded is not said twice.
        let isRepeat = answer["repeated"] == .bool(true)
        let decided = try (isRepeat ? [] : answer["events"]?.elements ?? []).map { item in
            guard let type = item["type"]?.text, let stream = item["stream"]?.text, let data = item["data"],
                let schema = EventCatalog.schemas[type]
            else { throw strange("an event that this program does not know") }
            return Decided(try schema.decode(data.members ?? [:]), on: stream)
        }
        guard let first = answer["position"]?.number, let end = answer["checkpoint"]?.number,
            let recordedAt = answer["recorded_at"]?.text.flatMap({ Timestamp($0) })
        else { return CommandOutcome(appended: nil, decided: decided) }
        let appended = AppendResult(
            first: Position(first),
            count: end - first,
            recordedAt: recordedAt.microseconds,
            isRepeat: isRepeat
        )
        return CommandOutcome(appended: appended, decided: decided)
    }

    /// The error that a problem document tells of: the domain's own where it was one.
    static func error(in problem: JSONValue, status: Int) -> any Error {
        let type = problem["type"]?.text.map { String($0.dropFirst("urn:daybook:".count)) } ?? "http.\(status)"
        let (rule, message) = (problem["rule"]?.text, problem["message"]?.text)
        let hint = problem["hint"]?.text ?? "see the server's log"
        if let rule, let message, let kind = problem["rejection"]?.text.flatMap({ Rejection.Kind(rawValue: $0) }) {
            return Rejection(
                rule,
                kind,
                message,
                hint: hint,
                field: problem["field"]?.text,
                limit: problem["limit"]?.text,
                actual: problem["actual"]?.text
            )
        }
        if let message, let code = storeCodes.first(where: { $0.description == rule }) {
            let position = problem["position"]?.number.map { Position($0) }
            return EventStoreError(code, message, hint: hint, position: position)
        }
        let exit: Int32 =
            switch status {
            case 401, 403: ExitStatus.notAllowed
            case 400..<429, 431..<500: ExitStatus.badData
            default: ExitStatus.tryAgain
            }
        let words = (problem["detail"]?.text ?? "the server answered \(status)").trimmingFinalStop()
        var failure = Failure(rule ?? type, words, hint: hint, status: exit)
        for fact in ["field", "limit", "actual", "permission", "request_id"] { failure.facts[fact] = problem[fact] }
        return failure
    }

    private static let storeCodes: [EventStoreError.Code] = [
        .idempotencyConflict, .invalidRequest, .diskFull, .inputOutput, .clockRefused, .damaged, .notPermitted,
        .unknownFormat, .keyUnavailable, .rolledBack, .busy, .closed,
    ]

    private static func strange(_ what: String) -> Failure {
        Failure(
            "server.answer",
            "the command was done, but the server's answer holds \(what)",
            hint: "bring program and server to the same version; `daybook events tail` shows what was recorded",
            status: ExitStatus.tryAgain
        )
    }
}

extension String {
    fileprivate func trimmingFinalStop() -> String { hasSuffix(".") ? String(dropLast()) : self }
}
