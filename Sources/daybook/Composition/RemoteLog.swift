import Accounts
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import Inference
import Logging
import Proofs
import RoutingDomain
import Synchronization

/// The log of a home on another machine, as its control service tells of it.
///
/// What concerns a worker is kept in a file of its own: it serves on, and starts again, while the control service is away.
final class RemoteLog: LogFollowing {
    private struct Known {
        var keys: [VerifierKey] = []
        var verifier: TokenVerifier?
        var trouble: String? = "not connected yet"
    }

    private let server: CommandsOverHTTP
    private let journal: FollowedJournal
    private let logger: Logger
    private let known = Mutex(Known())

    /// The event types that concern a worker.
    static let types =
        FollowedState.types.union(AccessState.types).union([LogCreated.about.type, LogKeyRotated.about.type])

    init(_ server: CommandsOverHTTP, journal: FollowedJournal, logger: Logger) {
        (self.server, self.journal, self.logger) = (server, journal, logger)
    }

    func verifierKeys() -> [VerifierKey] { known.withLock { $0.keys } }

    var trouble: String? { known.withLock { $0.trouble } }

    /// Who a token stands for, as far as the log is known here; throws before anything of it is.
    func principal(of token: [UInt8], at now: Timestamp) async throws -> Principal {
        guard let verifier = known.withLock({ $0.verifier }) else {
            throw LoadFault(.unreachable, "nothing of the log is known yet", hint: "see that the control service runs")
        }
        return try await verifier.principal(of: token, at: now)
    }

    // MARK: - Following

    func follow(_ take: @Sendable ([HistoricEvent], UInt64) -> Void) async throws {
        var next = try read(take)
        while true {
            do {
                try await catchUp(&next, take)
                lacks("the connection was lost")
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                let failure = Failure(error)
                let isRefused = failure?.status == ExitStatus.notAllowed
                let words = failure?.message ?? "\(error)"
                lacks(isRefused ? "the control service refuses this worker's service key: \(words)" : words)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func lacks(_ words: String) {
        let before = known.withLock { known in
            defer { known.trouble = words }
            return known.trouble
        }
        if words != before { logger.warning("the log cannot be followed", metadata: ["error": "\(words)"]) }
    }

    /// Takes what was kept; returns where to go on.
    private func read(_ take: ([HistoricEvent], UInt64) -> Void) throws -> UInt64 {
        let (documents, checkpoint) = try journal.read()
        let events = try documents.map { try Self.event($0) }
        for event in events { note(event) }
        if checkpoint > 0 { take(events, checkpoint) }
        return checkpoint
    }

    /// Follows while the connection stands; what was missed is handed on as one, so that no version of the past is loaded.
    private func catchUp(_ next: inout UInt64, _ take: ([HistoricEvent], UInt64) -> Void) async throws {
        guard let head = try await server.ask("GET", "/api/v1/tree-head")["size"]?.number else {
            throw LoadFault(.log, "the control service names no tree head", hint: "bring both to the same version")
        }
        guard next <= UInt64(head) else {
            throw LoadFault(
                .log,
                "the log has \(head) events, and \(next) were followed: it is an older one",
                hint: "`daybook verify` there tells what happened; a worker begins anew in an empty folder"
            )
        }
        let journal = journal
        journal.forgetWaiting()
        var follower = FeedFollower(server: server)
        follower.heard = { [weak self] reached in
            self?.known.withLock { $0.trouble = nil }
            journal.note(checkpoint: reached)
        }
        let reached = try await follower.followOnce(from: next) { document in
            guard let position = document["position"]?.number else { return }
            if Self.types.contains(document["type"]?.text ?? "") { journal.hold(document) }
            guard position + 1 >= head, !journal.waiting.isEmpty else { return }
            try handOn(upTo: UInt64(position + 1), take)
        }
        try handOn(upTo: reached, take)
        journal.keepCheckpoint()
        next = reached
    }

    private func handOn(upTo checkpoint: UInt64, _ take: ([HistoricEvent], UInt64) -> Void) throws {
        let events = try journal.waiting.map { try Self.event($0) }
        try journal.keepWaiting(upTo: checkpoint)
        for event in events { note(event) }
        take(events, checkpoint)
    }

    /// Takes what concerns who comes in and who signs.
    private func note(_ past: HistoricEvent) {
        known.withLock { known in
            switch past.event {
            case let event as LogCreated:
                known.keys = VerifierKey(text: event.verifierKey).map { [$0] } ?? []
                known.verifier = TokenVerifier(issuer: "daybook.\(event.install)")
            case let event as LogKeyRotated: if let key = VerifierKey(text: event.newVkey) { known.keys.append(key) }
            default: known.verifier?.apply(past)
            }
        }
    }

    /// An event as the feed tells it.
    private static func event(_ document: JSONValue) throws -> HistoricEvent {
        guard let position = document["position"]?.number, let stream = document["stream"]?.text,
            let type = document["type"]?.text, let version = document["schema_version"]?.number,
            let at = document["recorded_at"]?.text.flatMap({ Timestamp($0) }), let payload = document["payload"]
        else { throw LoadFault(.log, "an event of the feed is not one", hint: "bring both to the same version") }
        return HistoricEvent(
            position: UInt64(position),
            stream: stream,
            streamVersion: UInt64(document["stream_version"]?.number ?? 0),
            recordedAt: at,
            actor: document["actor"]?.text ?? "",
            event: try EventCatalog.decode(type: type, version: version, payload: payload)
        )
    }

    // MARK: - Proofs

    func requireContinuity(of order: ServingOrder) async throws {
        let (files, places) = (
            [order.manifestSha256, order.signatureSha256 ?? "-"], [order.registeredAt, order.position]
        )
        let mark = ([order.version, order.folder] + files + places.map { "\($0)" }).joined(separator: " ")
        // What was proven once stays proven: a worker that starts again serves it without anybody's help.
        guard try journal.proven() != mark else { return }
        do {
            try await requireProven(order.registeredAt) { ($0 as? ModelRegistered).map(order.isOf) ?? false }
            try await requireProven(order.position) { event in
                (event as? ModelActivated).map { $0.version == order.version && !$0.isExternal } ?? false
            }
            try await requireBeginning()
            try journal.keep(proven: mark)
        } catch let fault as LoadFault {
            throw fault
        } catch let fault as FileFault {
            throw LoadFault(.storage, fault.description, hint: fault.hint)
        } catch let fault as ProofFault {
            throw LoadFault(.log, fault.message, hint: fault.hint)
        } catch let rejection as Rejection {
            throw LoadFault(.log, rejection.message, hint: rejection.hint)
        } catch {
            let words = Failure(error).map { "\($0.message)" } ?? "\(error)"
            throw LoadFault(.unreachable, words, hint: "see that the control service runs")
        }
    }

    /// Throws unless an event stands in the log, under a head that the log's key signed.
    private func requireProven(_ position: UInt64, _ isMeant: (any DomainEvent) -> Bool) async throws {
        let answer = try await server.ask("GET", "/api/v1/events/\(position)/proof")
        guard let record = answer["record"]?.text.flatMap({ Data(base64Encoded: $0) }),
            let text = answer["tlog_proof"]?.text
        else { throw Self.fault("position \(position) comes without a proof") }
        let proof = EventProof(record: Array(record), proof: try TlogProof(bytes: Array(text.utf8)))
        let finding = try proof.check(keys: known.withLock { $0.keys })
        let event = try EventCatalog.decode(
            type: finding.event.type,
            version: Int(finding.event.schemaVersion),
            payload: try JSONReader.canonical(finding.event.data)
        )
        guard finding.event.position == position, isMeant(event) else {
            throw Self.fault("position \(position) of the log is not what the feed told")
        }
    }

    /// Throws unless the log begins with everything that it held at the head that was seen last; keeps the newer head.
    private func requireBeginning() async throws {
        let keys = known.withLock { $0.keys }
        let before = try journal.head()
        let answer =
            if let before { try await server.ask("GET", "/api/v1/consistency?from=\(before.head.size)") } else {
                try await server.ask("GET", "/api/v1/tree-head")
            }
        guard let note = answer["note"]?.text, let head = SignedTreeHead(note: note),
            keys.contains(where: { head.isSigned(by: $0) })
        else { throw Self.fault("the newest tree head is not signed by the log's key") }
        if let before {
            let proof = try ConsistencyProof(bytes: Array((answer["proof"]?.text ?? "").utf8))
            guard proof.connects(before.head, head.head) else {
                throw Self.fault(
                    "the log does not begin with the \(before.head.size) events that it had before: it is another one"
                )
            }
        }
        try journal.keep(head)
    }

    private static func fault(_ message: String) -> LoadFault {
        LoadFault(
            .log,
            message,
            hint: "`daybook verify` there tells what happened; do not activate anything until it is known"
        )
    }
}
