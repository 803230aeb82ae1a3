import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain

/// A plant with people of every role, models and configs, that does random things: some allowed, most not.
struct GatedPlant {
    static let versions = (1...4).map { "2025.01.01_\($0)" }

    let clock = FixedClock()
    let log: InMemoryEventLog
    let handler: CommandHandler
    /// An administrator, two approvers, two operators.
    let people = (0..<5).map { _ in UUID() }
    private(set) var refusals = 0
    private var asked: [Asked] = []

    /// A gated command whose type nobody needs to know any more.
    private struct Act {
        let request: (String, Sender) async throws -> Void
        let run: (String?, Sender) async throws -> Void
    }

    private struct Asked {
        let approval: String
        let act: Act
    }

    init() async throws {
        log = try InMemoryEventLog(clock: clock)
        handler = CommandHandler(log: log, clock: clock)
        let roles: [Role] = [.admin, .approver, .approver, .operator, .operator]
        for (person, role) in zip(people, roles) {
            let id = person.text
            try await append(
                [
                    ("user-\(id)", PersonAdded(subject: id, origin: .named)),
                    ("user-\(id)", UserSignedUp(userId: id)),
                    ("user-directory", UserApproved(userId: id, role: role)),
                ],
                by: person
            )
        }
        for version in Self.versions {
            let event = ModelRegistered(
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
            try await append([("model-\(version)", event)], by: people[0])
        }
        for config in ConfigName.allCases {
            _ = try await handler.handle(InitialiseConfig(config: config), by: .system())
        }
        for version in [Self.versions[2], Self.versions[3]] {
            _ = try await handler.handle(ActivateModel(version: version), by: sender(people[3], "session/http"))
        }
    }

    /// Appends events past every decider.
    func append(_ events: [(String, any DomainEvent)], by actor: UUID) async throws {
        let proposed = try events.map { stream, event in
            let about = Swift.type(of: event).about
            return ProposedEvent(
                stream: StreamName.domain(stream),
                type: about.type,
                schemaVersion: UInt16(about.version),
                data: try JSONValue.object(PayloadCoding.members(of: event)).canonicalBytes()
            )
        }
        let metadata = EventMetadata(auth: "session/http", reason: "forged")
        _ = try await log.append(AppendRequest(actor: actor, metadata: metadata, events: proposed))
    }

    private func sender(_ person: UUID, _ auth: String, meaning: String? = nil) -> Sender {
        Sender(actor: person, auth: auth, reason: "because", meaning: meaning)
    }

    /// One random deed; what is refused is counted, and nothing else may go wrong.
    mutating func step(_ random: inout SeededGenerator) async throws {
        let person = people.randomElement(using: &random) ?? people[0]
        let doors = ["session/http", "local-uid/cli", "local-uid/console", "password/http"]
        let by = sender(person, doors.randomElement(using: &random) ?? doors[0])
        do {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: clock.advance(by: Int64.random(in: 1...40, using: &random) * 86_400_000_000)
            case 1, 2: clock.advance(by: Int64.random(in: 1...12, using: &random) * 3_600_000_000)
            case 3, 4:
                let action = ApprovalAction.allCases.randomElement(using: &random) ?? .activation
                let command = SetApprovalRule(
                    action: action,
                    isRequired: Int.random(in: 0..<4, using: &random) > 0,
                    validHours: Int.random(in: 1...72, using: &random)
                )
                _ = try await handler.handle(command, by: sender(people[0], "session/http"))
            case 5, 6, 7, 8:
                let wanted = Asked(approval: "a\(asked.count)", act: act(&random))
                asked.append(wanted)
                try await wanted.act.request(wanted.approval, by)
            case 9, 10, 11: try await grant(by, &random)
            case 12, 13, 14, 15: try await use(by, &random)
            case 16: try await expire()
            default: try await act(&random).run(nil, by)
            }
        } catch is Rejection { refusals += 1 }
    }

    private func expire() async throws {
        for config in ConfigName.allCases {
            _ = try await handler.handle(ExpireConfigChanges(config: config), by: .system())
        }
    }

    private func grant(_ by: Sender, _ random: inout SeededGenerator) async throws {
        guard let approval = asked.suffix(2).randomElement(using: &random)?.approval else { return }
        let isProper = Int.random(in: 0..<4, using: &random) > 0
        let signer = isProper ? people[Int.random(in: 0...2, using: &random)] : by.actor
        let signed = isProper ? sender(signer, "password/http", meaning: "approved") : by
        _ = try await handler.handle(
            AnswerApproval(approval: approval, answer: .grant, signer: signer.text),
            by: signed
        )
    }

    /// Uses an approval, mostly for what it was given for.
    private func use(_ by: Sender, _ random: inout SeededGenerator) async throws {
        guard let wanted = asked.suffix(3).randomElement(using: &random) else { return }
        let act = Int.random(in: 0..<4, using: &random) > 0 ? wanted.act : act(&random)
        try await act.run(wanted.approval, by)
    }

    private func act(_ random: inout SeededGenerator) -> Act {
        let head = (try? log.head().size) ?? 1
        let position = Int.random(in: 0..<Int(head), using: &random)
        let config: ConfigName = Bool.random(using: &random) ? .runtime : .trainer
        let latest = (try? log.events(in: StreamName.domain(config.stream)).last?.position).map { Int($0) } ?? position
        let place = Bool.random(using: &random) ? latest : position
        let patch: JSONValue =
            config == .runtime
            ? ["ef_search": .integer(Int.random(in: 64...256, using: &random))]
            : ["index": ["m": .integer(Int.random(in: 8...48, using: &random))]]
        let version = Self.versions.randomElement(using: &random) ?? Self.versions[0]
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: return erased(ActivateModel(version: version))
        case 2: return erased(RollBackModel(withConfig: Bool.random(using: &random)))
        case 3: return erased(RollBackModel(to: version))
        case 4, 5:
            let seconds = Bool.random(using: &random) ? Int.random(in: 600...90_000, using: &random) : nil
            return erased(PatchConfig(config: config, patch: patch, seconds: seconds))
        case 6: return erased(UndoConfigChange(config: config, position: place))
        case 7: return erased(KeepConfigChange(config: config, position: place))
        case 8: return erased(RestoreConfig(config: config, checkpoint: position))
        default: return erased(RestoreMoment(checkpoint: position))
        }
    }

    private func erased<Sent: GatedCommand>(_ command: Sent) -> Act {
        let handler = handler
        return Act(
            request: { approval, by in
                let deed = try command.deed(try handler.state(for: command))
                _ = try await handler.handle(
                    RequestApproval(approval: approval, for: deed, statement: "please"),
                    by: by
                )
            },
            run: { approval, by in
                var command = command
                command.approval = approval
                _ = try await handler.handle(command, by: by)
            }
        )
    }
}

extension StreamName {
    /// A stream that a test names.
    fileprivate static func domain(_ text: String) -> StreamName {
        guard let name = StreamName(text) else { preconditionFailure("\(text) is a stream name") }
        return name
    }
}
