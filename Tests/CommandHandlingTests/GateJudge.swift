import CommandHandling
import EventStore
import EventStoreTesting
import RoutingDomain

/// Reads a log from its beginning and names every gated event that should not be there; shares no rule with the deciders.
struct GateJudge {
    private(set) var faults: [String] = []
    /// Commands that used a good approval.
    private(set) var approved = 0
    /// Commands that went back without one, within their window.
    private(set) var urgent = 0

    private struct Request {
        let event: ApprovalRequested
        let by: String
        var granter: String?
        var isUsed = false
    }

    private var required: Set<ApprovalAction> = []
    private var requests: [String: Request] = [:]
    private var versions: [String: UInt64] = [:]
    /// Since when each version is no longer active; the active one is absent.
    private var endOf: [String: Int64] = [:]
    private var active: String?
    private var patches: [Int: Int64] = [:]

    mutating func read(_ log: any EventLog) throws {
        var command: [RecordedEvent] = []
        var next: Position = 0
        while true {
            let page = try log.page(from: next, limit: 1000)
            guard !page.events.isEmpty else { break }
            for event in page.events {
                if let last = command.last, last.commandID != event.commandID {
                    try judge(command)
                    command = []
                }
                command.append(event)
            }
            next = page.next
        }
        try judge(command)
    }

    private mutating func judge(_ recorded: [RecordedEvent]) throws {
        let events = try recorded.map { (try CommandHandler.historic($0), $0) }
        let gated = events.map(\.0).filter { Self.action(of: $0.event) != nil }
        let use = events.compactMap { $0.0.event as? ApprovalUsed }
        if let first = gated.first { judge(gated, first, use) }
        for (past, record) in events { try take(past, record) }
    }

    private mutating func judge(_ gated: [HistoricEvent], _ first: HistoricEvent, _ uses: [ApprovalUsed]) {
        let touched = Set(gated.compactMap { Self.action(of: $0.event) })
        if let use = uses.first {
            approved += 1
            if let why = whyNot(use, gated, first) { faults.append("\(first.position): \(why)") }
        } else if gated.allSatisfy({ Self.isEmergency($0.event) }) {
            urgent += 1
            if !isInWindow(first) { faults.append("\(first.position): an emergency out of its window") }
        } else if !touched.isDisjoint(with: required) || (isRestore(gated) && required.contains(.restore)) {
            faults.append("\(first.position): \(first.event) without an approval")
        }
    }

    private func whyNot(_ use: ApprovalUsed, _ gated: [HistoricEvent], _ first: HistoricEvent) -> String? {
        guard let request = requests[use.approval] else { return "\(use.approval) was never requested" }
        guard let granter = request.granter else { return "\(use.approval) was not granted" }
        if granter == first.actor || granter == request.by { return "the granter is no other person" }
        if request.isUsed { return "used twice" }
        if let end = request.event.expiresAt, end <= first.recordedAt { return "expired" }
        for part in request.event.basis?.split(separator: ",") ?? [] {
            let pair = part.split(separator: "@").map(String.init)
            if String(versions[pair[0]] ?? 0) != pair[1] { return "its ground has moved: \(part)" }
        }
        if let event = first.event as? ModelActivated, request.event.action == .activation,
            request.event.target?.hasPrefix(event.version) != true
        {
            return "approved was \(request.event.target ?? "-")"
        }
        return nil
    }

    /// Whether a command was the restore of a moment; a restore of one config alone looks the same, and has a rule of its own.
    private func isRestore(_ gated: [HistoricEvent]) -> Bool {
        let kinds = gated.compactMap { ($0.event as? ModelActivated)?.kind }
        return !kinds.contains(.rollback) && (gated.count > 1 || kinds == [.restoration])
    }

    private func isInWindow(_ first: HistoricEvent) -> Bool {
        let now = first.recordedAt.microseconds
        switch first.event {
        case let event as ModelActivated:
            return event.kind == .rollback && now - (endOf[event.version] ?? now) < 90 * 86_400_000_000
        case let event as ConfigPatched:
            guard event.kind == .undo, let made = patches[event.revertsPosition ?? -1] else { return false }
            return now - made < 8 * 3_600_000_000
        default: return false
        }
    }

    private mutating func take(_ past: HistoricEvent, _ record: RecordedEvent) throws {
        versions[past.stream] = record.streamVersion
        let at = past.recordedAt.microseconds
        switch past.event {
        case let event as ApprovalRuleSet:
            if event.isRequired { required.insert(event.action) } else { required.remove(event.action) }
        case let event as ApprovalRequested: requests[event.approval] = Request(event: event, by: past.actor)
        case let event as ApprovalGranted:
            if try record.metadata().auth == "password/http" { requests[event.approval]?.granter = past.actor }
        case let event as ApprovalUsed: requests[event.approval]?.isUsed = true
        case let event as ModelActivated:
            if let active { endOf[active] = at }
            endOf[event.version] = nil
            active = event.version
        case let event as ConfigPatched where event.kind == .patch: patches[Int(past.position)] = at
        case is ConfigRestored: patches[Int(past.position)] = at
        default: break
        }
    }

    /// The action of a gated event; nil for what waits for nobody.
    private static func action(of event: any DomainEvent) -> ApprovalAction? {
        switch event {
        case is ModelActivated: .activation
        case let event as ConfigPatched where event.kind == .patch || event.kind == .undo: .config(event.config)
        case let event as ConfigRestored: .config(event.config)
        case let event as ConfigKept: .config(event.config)
        case is PersonErased, is RecordRedacted: .erasure
        default: nil
        }
    }

    private static func isEmergency(_ event: any DomainEvent) -> Bool {
        switch event {
        case let event as ModelActivated: event.isEmergency
        case let event as ConfigPatched: event.isEmergency
        case let event as ConfigRestored: event.isEmergency
        default: false
        }
    }
}
