internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import Proofs
internal import RoutingDomain
internal import Serving
internal import SignIn

/// Commands on their way in: who sends, under which key and version, and what the answer tells.
struct Writing: Sendable {
    let home: ControlHome

    /// What every write may carry beside its body.
    static let headers = [
        Parameter(
            "idempotency-key",
            .string(min: 1, max: 200, pattern: "[!-~]+"),
            "The same key and request again gives the first result, whatever happened in between."
        )
    ]
    static let query = [
        Parameter("dry_run", .boolean, "Say what would be recorded, and record nothing."),
        Parameter("proof", .boolean, "Have the answer carry record and inclusion proof of each event."),
    ]
    /// What a write may carry that another person may have to approve.
    static let gated = [
        Parameter("approval", TaskRoutes.identifier, "The granted approval to use, where a rule demands one."),
        Parameter(
            "request_approval",
            .boolean,
            "Only ask another person to approve exactly this; nothing else is done."
        ),
    ]
    /// The field that most writes ask for.
    static let reason = Schema.Member("reason", .string(min: 1, max: 2_000), "Why; it stays in the audit trail.")
    static let optionalReason = Schema.Member(
        "reason",
        .string(min: 1, max: 2_000),
        "Why; it stays in the audit trail.",
        isOptional: true
    )
    static let password = Schema.Member(
        "password",
        .string(min: 1, max: 4_096),
        "The caller's password again; a session needs it here, a key does not.",
        isOptional: true
    )
    static let problems = [
        "rejected.invalid", "rejected.unknown", "rejected.conflict", "rejected.not-allowed", "storage",
    ]

    /// Events in an answer.
    static let events = Schema.array(
        .object([
            Schema.Member("type", .string(max: 100), "The event's type."),
            Schema.Member("stream", .string(max: 100), "Its stream."),
            Schema.Member("data", .any, "Its payload."),
            Schema.Member("proof", .string(max: 200), "Where its proof is.", isOptional: true),
            Schema.Member("record", .string(max: 100_000), "Base64 of its record.", isOptional: true),
            Schema.Member(
                "tlog_proof",
                .string(max: 10_000),
                "Its inclusion proof with a signed tree head.",
                isOptional: true
            ),
        ]),
        max: 1_000
    )

    /// What the answer of a write tells.
    static let written = [
        Schema.Member("position", .position, "Where its first event stands.", isOptional: true),
        Schema.Member("checkpoint", .position, "The position after its last event.", isOptional: true),
        Schema.Member("recorded_at", .moment, "When.", isOptional: true),
        Schema.Member("repeated", .boolean, "Whether an earlier request with this key had done it."),
        Schema.Member("dry_run", .boolean, "Whether nothing was recorded."),
        Schema.Member(
            "events",
            events,
            "What was recorded, now or by the earlier request; empty for what was so already."
        ),
        Schema.Member(
            "read",
            .string(max: 300),
            "Where to read the result, after it is in the rows.",
            isOptional: true
        ),
        Schema.Member(
            "gates",
            .array(GateFindings.shape, max: 100),
            "What a version's gates found, where the write looked at them.",
            isOptional: true
        ),
    ]

    /// The answer of a write.
    static let answers = [
        AnswerRule(200, "It is on disk; or, with dry_run, what would be.", .named("Written", .object(written)))
    ]

    /// Who sends: the caller, by its door.
    func sender(_ call: Call, reason: String?, meaning: String? = nil, isSigned: Bool = false) throws(Problem) -> Sender
    {
        guard let caller = call.caller, let actor = UUID(uuidString: caller.actor) else {
            throw Problem(ProblemCatalogue.unauthenticated, "This needs a login or a service key.")
        }
        let auth =
            switch caller.way {
            case .session: isSigned ? "password/http" : "session/http"
            case .key: "key/http"
            case .socket: "local-uid/socket"
            }
        return Sender(actor: actor, auth: auth, reason: reason, meaning: meaning, requestID: call.requestID)
    }

    /// Sends a command and tells what was recorded; with `dry_run` only what would be.
    ///
    /// `read` is where the result can be read. With `isSigned` a session must send its password in `password`. `asAsked` identifies
    /// the request where the command carries more than was asked for. `check` may refuse what takes long to find out: it runs after
    /// the decision and the password, and neither for a repetition nor for a dry run; `adding` is what it has to tell besides.
    ///
    /// A command that another person may have to approve takes the approval that the query names, or with `request_approval` is not
    /// sent: exactly this one is laid before another person.
    func send<Sent: Command>(
        _ command: Sent,
        _ call: Call,
        meaning: String? = nil,
        expecting: [String: UInt64] = [:],
        isSigned: Bool = false,
        reason: String? = nil,
        asAsked: [UInt8]? = nil,
        read: String? = nil,
        status: Int = 200,
        check: (() async throws -> Void)? = nil,
        adding: (() -> [String: JSONValue])? = nil
    ) async throws -> Answer {
        let sender = try sender(
            call,
            reason: reason ?? call.json["reason"]?.text,
            meaning: meaning,
            isSigned: isSigned
        )
        var sent: any Command = command
        if var gated = command as? any GatedCommand {
            gated.approval = call.query["approval"]
            if call.query["request_approval"] == "true" { return try await requestApproval(of: gated, call, sender) }
            sent = gated
        }
        let delivery = Delivery(
            sender: sender,
            expecting: expecting,
            isSigned: isSigned,
            asAsked: asAsked,
            read: read,
            status: status,
            check: check,
            adding: adding
        )
        return try await deliver(sent, call, delivery)
    }

    /// How a command is to be sent.
    private struct Delivery {
        let sender: Sender
        let expecting: [String: UInt64]
        let isSigned: Bool
        let asAsked: [UInt8]?
        let read: String?
        let status: Int
        let check: (() async throws -> Void)?
        let adding: (() -> [String: JSONValue])?
    }

    private func deliver<Sent: Command>(_ command: Sent, _ call: Call, _ delivery: Delivery) async throws -> Answer {
        let (sender, read, status) = (delivery.sender, delivery.read, delivery.status)
        if call.query["dry_run"] == "true" { return try preview(command, by: sender) }
        if delivery.isSigned { try await confirm(call) }
        let key = call.headers["idempotency-key"]
        if let check = delivery.check {
            if let earlier = try home.commands.earlier(command, by: sender, idempotencyKey: key) {
                return .json(try await json(earlier, call, read: read), status: status)
            }
            _ = try home.commands.preview(command, by: sender)
            try await check()
        }
        let outcome = try await home.commands.handle(
            command,
            by: sender,
            expecting: delivery.expecting,
            idempotencyKey: key,
            asAsked: delivery.asAsked,
            givesOutTreeHead: Self.wantsProof(call)
        )
        let told = try await json(outcome, call, read: read)
        guard let adding = delivery.adding, let members = told.members else { return .json(told, status: status) }
        return .json(.object(members.merging(adding()) { $1 }), status: status)
    }

    /// What a command would record, also where another person's approval is still missing.
    func preview<Sent: Command>(_ command: Sent, by sender: Sender) throws -> Answer {
        let decided = try home.commands.preview(command, by: sender, isDryRun: true)
        return .json([
            "dry_run": true, "repeated": false, "events": .array(try decided.map { .object(try Self.members($0)) }),
        ])
    }

    /// Lays exactly this command before another person; everything else about it must hold already.
    private func requestApproval<Sent: GatedCommand>(
        of command: Sent,
        _ call: Call,
        _ sender: Sender
    ) async throws -> Answer {
        guard command.approval == nil else {
            throw Problem(
                ControlProblems.invalid,
                "request_approval asks for an approval, and approval uses one: name one of them.",
                facts: ["rule": "four-eyes.both", "field": "approval"]
            )
        }
        _ = try home.commands.preview(command, by: sender, isDryRun: true)
        let deed = try command.deed(try home.commands.state(for: command))
        let id = try shortIdentifier("a", call)
        let request = RequestApproval(approval: id, for: deed, statement: sender.reason ?? deed.target)
        let outcome = try await home.commands.handle(
            request,
            by: sender,
            idempotencyKey: call.headers["idempotency-key"]
        )
        return .json(try await json(outcome, call, read: "/api/v1/approvals/\(id)"))
    }

    /// Checks the password that a session must give again before it signs.
    func confirm(_ call: Call) async throws {
        guard let caller = call.caller, caller.way == .session, let user = UUID(uuidString: caller.actor) else {
            return
        }
        guard let text = call.json["password"]?.text else {
            throw Problem(
                ControlProblems.password,
                "This is signed: it needs the password again.",
                facts: ["field": "password"]
            )
        }
        do {
            let password = try Password(Array(text.utf8))
            try await home.doorkeeper.confirm(password, of: user, machine: call.connection.machine)
        } catch {
            guard let fault = error as? AccountFault, [.wrong, .passwordRule].contains(fault.code) else { throw error }
            throw Problem(ControlProblems.password, "The password is wrong.", facts: ["field": "password"])
        }
    }

    /// The answer to what became of a command.
    func json(_ outcome: CommandOutcome, _ call: Call, read: String? = nil) async throws -> JSONValue {
        var members: [String: JSONValue] = ["dry_run": false, "repeated": .bool(outcome.appended?.isRepeat ?? false)]
        var events = try outcome.decided.map(Self.members)
        if let appended = outcome.appended {
            if events.isEmpty { events = try await recorded(appended.first..<appended.checkpoint) }
            members["position"] = .integer(Int(appended.first))
            members["checkpoint"] = .integer(Int(appended.checkpoint))
            members["recorded_at"] = .string(Timestamp(microseconds: appended.recordedAt).description)
            let separator = read?.contains("?") == true ? "&" : "?"
            members["read"] = read.map { .string("\($0)\(separator)min_position=\(appended.checkpoint - 1)") }
            let proofs = Self.wantsProof(call) ? try await proofs(of: appended) : []
            for index in events.indices {
                let position = appended.first + Position(index)
                events[index]["proof"] = .string("/api/v1/events/\(position)/proof")
                guard index < proofs.count else { continue }
                events[index]["record"] = .string(Data(proofs[index].record).base64EncodedString())
                events[index]["tlog_proof"] = .string(proofs[index].proof.text)
            }
        }
        members["events"] = .array(events.map { .object($0) })
        return .object(members)
    }

    /// Whether the answer is to carry record and proof of each event.
    static func wantsProof(_ call: Call) -> Bool { call.query["proof"] == "true" }

    private func proofs(of appended: AppendResult) async throws -> [EventProof] {
        let log = home.log
        let prove: @Sendable () throws -> [EventProof] = {
            let kept = appended.isTreeHeadKept ? appended.treeHead : nil
            let head = try kept ?? log.giveOutTreeHead()
            return try (appended.first..<appended.checkpoint).map { try EventProof(of: $0, in: log, under: head) }
        }
        // A few that were appended a moment ago are in memory: to change threads takes longer than to prove them.
        let isAtHand = appended.isTreeHeadKept && !appended.isRepeat && appended.checkpoint - appended.first <= 4
        return isAtHand ? try prove() : try await home.blocking(prove)
    }

    /// What an earlier request had recorded, from the log.
    private func recorded(_ positions: Range<Position>) async throws -> [[String: JSONValue]] {
        let log = home.log
        return try await home.blocking {
            let events = try log.page(from: positions.lowerBound, limit: positions.count).events
            return try events.prefix { positions.contains($0.position) }.map { event in
                [
                    "type": .string(event.type), "stream": .string(event.stream.text),
                    "data": try JSONReader.canonical(event.data),
                ]
            }
        }
    }

    /// An event that is to be recorded, as answers show it.
    static func members(_ decided: Decided) throws -> [String: JSONValue] {
        [
            "type": .string(type(of: decided.event).about.type), "stream": .string(decided.stream),
            "data": .object(try PayloadCoding.members(of: decided.event)),
        ]
    }
}

extension Serving.Connection {
    /// The machine that guesses are counted for.
    var machine: String { address ?? "local" }
}

extension Route {
    /// A route that sends one command.
    static func write(
        _ method: Serving.Method,
        _ path: String,
        _ summary: String,
        details: String = "",
        access: Access,
        path pathParameters: [Parameter] = [],
        query: [Parameter] = [],
        headers: [Parameter] = [],
        body: [Schema.Member]?,
        isGated: Bool = false,
        problems: [String] = [],
        handler: @escaping @Sendable (Call) async throws -> Answer
    ) -> Route {
        Route(
            method,
            path,
            summary,
            details: details,
            access: access,
            path: pathParameters,
            query: query + Writing.query + (isGated ? Writing.gated : []),
            headers: headers + Writing.headers,
            body: body.map { .json(.object($0)) } ?? .none,
            answers: Writing.answers,
            problems: Writing.problems + problems,
            handler: handler
        )
    }
}
