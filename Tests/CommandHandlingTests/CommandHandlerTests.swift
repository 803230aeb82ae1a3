import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@Suite("Command handling")
struct CommandHandlerTests {
    private let log: InMemoryEventLog
    private let person = UUID()

    init() throws { log = try InMemoryEventLog() }

    private var handler: CommandHandler { CommandHandler(log: log, clock: SystemClock()) }
    private var sender: Sender { Sender(actor: person, auth: "local-uid/cli", reason: "because") }

    private func register(_ versions: String...) async throws {
        for version in versions {
            let command = RegisterModel(
                version: version,
                sourceName: nil,
                manifestPath: "models/\(version)/manifest.json",
                manifestSha256: "00",
                files: 5,
                sizeBytes: 1,
                changeScopes: ["data"],
                notes: nil,
                unknownFields: [],
                facts: [:]
            )
            _ = try await handler.handle(command, by: sender)
        }
    }

    @Test("A command becomes events with actor, reason and door in the envelope")
    func appends() async throws {
        try await register("2025.01.01_1")
        let outcome = try await handler.handle(ActivateModel(version: "2025.01.01_1"), by: sender)
        let first = try #require(outcome.appended?.first)
        let event = try #require(try log.page(from: first, limit: 1).events.first)
        let metadata = try event.metadata()
        #expect(event.type == "model.activated" && event.actor == person)
        #expect(metadata.reason == "because" && metadata.auth == "local-uid/cli" && metadata.salt != nil)
    }

    @Test("A rejection appends nothing")
    func rejects() async throws {
        let before = try log.head().size
        await #expect(throws: Rejection.self) {
            try await handler.handle(ActivateModel(version: "2025.01.01_1"), by: sender)
        }
        #expect(try log.head().size == before)
    }

    @Test("An expected version that is no longer true is refused and names the current one")
    func expectedVersion() async throws {
        _ = try await handler.handle(InitialiseConfig(config: .runtime), by: .system())
        let patch = PatchConfig(config: .runtime, patch: ["ef_search": 256])
        let error = await #expect(throws: Rejection.self) {
            try await handler.handle(patch, by: sender, expecting: ["config-runtime": 7])
        }
        #expect(error?.rule == "version.expected" && error?.limit == "7" && error?.actual == "1")
        _ = try await handler.handle(patch, by: sender, expecting: ["config-runtime": 1])
    }

    @Test("The same command under the same key is done once, another one under it is refused")
    func idempotency() async throws {
        _ = try await handler.handle(InitialiseConfig(config: .runtime), by: .system())
        let patch = PatchConfig(config: .runtime, patch: ["ef_search": 256])
        let first = try await handler.handle(patch, by: sender, idempotencyKey: "k1")
        let again = try await handler.handle(patch, by: sender, idempotencyKey: "k1")
        #expect(again.appended?.first == first.appended?.first && again.appended?.isRepeat == true)
        let other = PatchConfig(config: .runtime, patch: ["ef_search": 300])
        let error = await #expect(throws: EventStoreError.self) {
            try await handler.handle(other, by: sender, idempotencyKey: "k1")
        }
        #expect(error?.code == .idempotencyConflict)
        #expect(try log.version(of: #require(StreamName("config-runtime"))) == 2)
    }

    @Test("A race for the activation ends with every command decided on what the winner wrote")
    func races() async throws {
        let versions = (1...20).map { "2025.01.01_\($0)" }
        for version in versions { try await register(version) }
        let (handler, sender) = (handler, sender)
        let positions = try await withThrowingTaskGroup(of: Position?.self) { group in
            for version in versions {
                group.addTask { try await handler.handle(ActivateModel(version: version), by: sender).appended?.first }
            }
            return try await group.reduce(into: [Position]()) { $0.append(contentsOf: $1.map { [$0] } ?? []) }
        }
        #expect(Set(positions).count == versions.count)
        let state = try handler.state(for: ActivateModel(version: versions[0]))
        #expect(state.activation.entries.count == versions.count)
        let events = try log.events(in: StreamName(literal: "activation"))
        var before: String?
        for event in events {
            let activated = try #require(try CommandHandler.historic(event).event as? ModelActivated)
            #expect(activated.previousVersion == before)
            before = activated.version
        }
    }

    @Test("Without the expected version the same race loses decisions: the test can fail")
    func raceControl() async throws {
        try await register("2025.01.01_1", "2025.01.01_2")
        let stale = try handler.preview(ActivateModel(version: "2025.01.01_2"), by: sender)
        _ = try await handler.handle(ActivateModel(version: "2025.01.01_1"), by: sender)
        let event = try #require(stale.first?.event as? ModelActivated)
        let payload = JSONValue.object(try PayloadCoding.members(of: event))
        let proposed = ProposedEvent(
            stream: StreamName(literal: "activation"),
            type: ModelActivated.about.type,
            schemaVersion: UInt16(ModelActivated.about.version),
            data: try payload.canonicalBytes()
        )
        let request = AppendRequest(actor: person, metadata: EventMetadata(auth: "local-uid/cli"), events: [proposed])
        _ = try await log.append(request)
        #expect(event.previousVersion == nil)
        #expect(try handler.state(for: ActivateModel(version: "2025.01.01_1")).activation.entries.count == 2)
    }

    @Test("A restore appends activation and configs at consecutive positions of one command")
    func restoresAtomically() async throws {
        for config in ConfigName.allCases {
            _ = try await handler.handle(InitialiseConfig(config: config), by: .system())
        }
        try await register("2025.01.01_1", "2025.01.01_2")
        _ = try await handler.handle(ActivateModel(version: "2025.01.01_1"), by: sender)
        let moment = try log.head().size
        _ = try await handler.handle(ActivateModel(version: "2025.01.01_2"), by: sender)
        _ = try await handler.handle(PatchConfig(config: .runtime, patch: ["ef_search": 256]), by: sender)
        _ = try await handler.handle(PatchConfig(config: .trainer, patch: ["index": ["m": 32]]), by: sender)
        let outcome = try await handler.handle(RestoreMoment(checkpoint: Int(moment)), by: sender)
        let first = try #require(outcome.appended?.first)
        let events = try log.page(from: first, limit: 3).events
        #expect(events.map(\.type) == ["model.activated", "config.restored", "config.restored"])
        #expect(Set(events.map(\.commandID)).count == 1)
    }

    @Test("Closing a sprint reads the tasks that only the sprint's stream names")
    func loadsInSteps() async throws {
        let approver = UUID()
        _ = try await handler.handle(AddPerson(subject: approver.text, origin: .named), by: sender)
        _ = try await handler.handle(OpenSprint(sprint: "w0", kind: .wave, title: "t"), by: sender)
        for task in ["t1", "t2"] {
            _ = try await handler.handle(OpenTask(task: task, title: "t", sprint: "w0"), by: sender)
        }
        _ = try await handler.handle(CloseTask(task: "t1"), by: sender)
        let request = RequestApproval(approval: "a1", subject: "sprint-w0", statement: "done", sprint: "w0")
        _ = try await handler.handle(request, by: sender)
        _ = try await handler.handle(
            AnswerApproval(approval: "a1", answer: .grant, signer: approver.text),
            by: Sender(actor: approver, auth: "local-uid/cli", meaning: "approved")
        )
        let outcome = try await handler.handle(CloseSprint(sprint: "w0", approval: "a1"), by: sender)
        #expect(
            outcome.decided.first?.event as? SprintClosed == SprintClosed(sprint: "w0", approval: "a1", outstanding: 1)
        )
    }
}
