import CanonicalJSON
import RoutingDomain
import Testing

/// Given these events, when this command arrives, then these events or that rejection: no log, no clock, no files.
struct Scenario<Sent: Command> {
    private var history: [HistoricEvent] = []
    var actor = "11111111-1111-4111-8111-111111111111"
    var now = Timestamp(microseconds: 1_800_000_000_000_000)
    var reason: String? = "because"
    var auth = "local-uid/cli"
    var meaning: String?
    var isDryRun = false

    init(_ type: Sent.Type = Sent.self) {}

    /// One event after the others; positions are its place in the list unless told.
    mutating func given(
        _ event: any DomainEvent,
        by actor: String? = nil,
        at position: UInt64? = nil,
        on stream: String = "any",
        when instant: Timestamp? = nil,
        auth: String = "local-uid/cli"
    ) {
        let place = position ?? (history.last.map { $0.position + 1 } ?? 0)
        history.append(
            HistoricEvent(
                position: place,
                stream: stream,
                streamVersion: UInt64(history.count { $0.stream == stream }) + 1,
                recordedAt: instant ?? Timestamp(microseconds: 1_700_000_000_000_000 + Int64(place)),
                actor: actor ?? self.actor,
                auth: { auth },
                event: event
            )
        )
    }

    func when(_ command: Sent) throws(Rejection) -> [Decided] {
        let state = history.reduce(into: Sent.State()) { $0.apply($1) }
        let context = CommandContext(
            actor: actor,
            auth: auth,
            reason: reason,
            meaning: meaning,
            now: now,
            isDryRun: isDryRun
        )
        return try command.decide(state, in: context)
    }

    /// The rule that rejects the command; fails the test if it is accepted.
    func rejection(of command: Sent) -> Rejection? {
        do throws(Rejection) {
            let decided = try when(command)
            Issue.record("accepted: \(decided.map { String(describing: $0.event) })")
            return nil
        } catch { return error }
    }
}

func registered(_ version: String) -> ModelRegistered {
    ModelRegistered(
        version: version,
        buildDate: "2025-01-01",
        build: 1,
        manifestPath: "models/\(version)/manifest.json",
        manifestSha256: "00",
        files: 5,
        sizeBytes: 10,
        changeScopes: "",
        facts: [:]
    )
}
