import CanonicalJSON
import EventStore
import Foundation
import RoutingDomain

/// A log as a plant would fill it over years, made through the real catalogue: the data of the projections' measurements.
///
/// Of a hundred events about seventy-five are entries of tasks and twenty changes of settings; the rest are 10,000 models,
/// 10,000 tasks, activations and approvals. The mixture follows from its seed alone.
struct MixedLog {
    private static let generator = "mixed v2 seed=20250915"

    /// The folder of the log for so many events; generated when it is not there yet.
    static func prepare(events: Int, in data: String) async throws -> String {
        let folder = "\(data)/mixed-\(generator.utf8.reduce(5381) { ($0 << 5) &+ $0 &+ Int($1) } & 0xffff)-\(events)"
        guard !FileManager.default.fileExists(atPath: "\(folder)/log") else { return folder }
        print("generating \(events) mixed events in \(folder)")
        try? FileManager.default.removeItem(atPath: "\(folder).new")
        let log = try LMDBEventLog.create(
            at: LogFolders(data: "\(folder).new"),
            timeZone: "Asia/Seoul"
        )
        try await fill(log, events: events)
        await log.close()
        try FileManager.default.moveItem(atPath: "\(folder).new", toPath: folder)
        return folder
    }

    /// Appends so many events of the mixture.
    static func fill(_ log: LMDBEventLog, events: Int) async throws {
        var mixture = MixedEvents(total: events)
        var done = 0
        while done < events {
            let batch = try (done..<min(done + 500, events)).map { _ in try mixture.next() }
            let metadata = EventMetadata(auth: "local-uid/cli", reason: "as the plan of the week says, item \(done)")
            let actor = UUID(uuidString: "00000000-0000-4000-8000-00000000000\(done / 500 % 10)") ?? .system
            _ = try await log.append(AppendRequest(actor: actor, metadata: metadata, events: batch))
            done += batch.count
        }
    }
}

/// Consistent events in a seeded order.
private struct MixedEvents {
    private let total: Int
    private var made = 0
    private var state: UInt64 = 20_250_915
    private var versions: [String] = []
    private var active: String?
    private var tasks = 0
    private var entries: [Int] = []
    private var approvals = 0

    init(total: Int) { self.total = total }

    mutating func next() throws -> ProposedEvent {
        made += 1
        if made % max(1, total / 10_000) == 0 { return try register() }
        switch random(1000) {
        case 0..<20 where !versions.isEmpty: return try activate()
        case 20..<30: return try open()
        case 30..<230: return try patch()
        case 230..<240: return try approve()
        default: return try log()
        }
    }

    private mutating func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    private func proposed(_ stream: String, _ event: any DomainEvent) throws -> ProposedEvent {
        guard let name = StreamName(stream) else { throw BenchError(description: "\(stream) is no stream") }
        let about = type(of: event).about
        return ProposedEvent(
            stream: name,
            type: about.type,
            schemaVersion: UInt16(about.version),
            data: try JSONValue.object(PayloadCoding.members(of: event)).canonicalBytes(),
            holdsFreeText: !about.freeText.isEmpty
        )
    }

    private mutating func register() throws -> ProposedEvent {
        // Thirty-six builds a day, twenty-eight days a month: every date exists and no pair occurs twice.
        let (day, build) = (versions.count / 36, versions.count % 36 + 1)
        let parts = [day / 28 % 12 + 1, day % 28 + 1].map { ($0 < 10 ? "0" : "") + String($0) }
        let date = "\(2000 + day / 336).\(parts[0]).\(parts[1])"
        let version = "\(date)_\(build)"
        versions.append(version)
        let event = ModelRegistered(
            version: version,
            buildDate: date.replacing(".", with: "-"),
            build: build,
            manifestPath: "models/\(version)/manifest.json",
            manifestSha256: String(repeating: "0f", count: 32),
            files: 5,
            sizeBytes: 10_000_000 + random(1_000_000),
            changeScopes: "preprocessing, data",
            notes: "the weekly build with the data of line \(random(40))",
            facts: ["embedding_dimension": 128, "m": 16, "space": "cosine"]
        )
        return try proposed("model-\(version)", event)
    }

    private mutating func activate() throws -> ProposedEvent {
        let version = versions[random(versions.count)]
        defer { active = version }
        return try proposed(
            "activation",
            ModelActivated(version: version, previousVersion: active, kind: random(5) == 0 ? .rollback : .activation)
        )
    }

    private mutating func patch() throws -> ProposedEvent {
        let fields = ["ef_search", "top_k", "group_expansions", "cache_size"]
        let field = fields[random(fields.count)]
        let (old, new) = (random(500), random(500))
        let event = ConfigPatched(
            config: random(4) == 0 ? .trainer : .runtime,
            kind: .patch,
            settingsVersion: 1,
            changes: [["field": .string(field), "new": .integer(new), "old": .integer(old)]],
            words: "\(field) \(old) -> \(new)"
        )
        return try proposed("config-\(event.config.rawValue)", event)
    }

    private mutating func open() throws -> ProposedEvent {
        tasks += 1
        entries.append(0)
        return try proposed(
            "task-t\(tasks)",
            TaskOpened(task: "t\(tasks)", title: "check the routing of part \(tasks)")
        )
    }

    private mutating func approve() throws -> ProposedEvent {
        if approvals > 0, random(2) == 0 {
            let id = "a\(approvals)"
            return try proposed("approval-\(id)", ApprovalGranted(approval: id, subject: "sprint-w\(approvals)"))
        }
        approvals += 1
        let event = ApprovalRequested(
            approval: "a\(approvals)",
            subject: "sprint-w\(approvals)",
            statement: "the wave is complete and was reviewed"
        )
        return try proposed("approval-a\(approvals)", event)
    }

    private mutating func log() throws -> ProposedEvent {
        guard tasks > 0 else { return try open() }
        let task = random(tasks) + 1
        entries[task - 1] += 1
        let event = TaskLogged(
            task: "t\(task)",
            entry: entries[task - 1],
            directive: "raise the confidence gate for group \(random(900))",
            response: "done, and the answers of the last hundred requests were compared by hand",
            evidence: "event:\(made)",
            remaining: random(20)
        )
        return try proposed("task-t\(task)", event)
    }
}
