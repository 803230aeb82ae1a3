import CanonicalJSON
import EventStoreTesting
import RoutingDomain

/// A seeded mixture of commands as a plant's year would bring them, some of several events, with texts that need escapes.
struct MixedCommands {
    struct Command {
        var events: [(stream: String, event: any DomainEvent)]
        var reason: String?
    }

    private var random: SeededGenerator
    private var versions: [String] = []
    private var active: String?
    private var tasks = 0
    private static let words = ["재료 확인", "line\nbreak", "quote \" and \\", "tab\tand \u{1}", "plain words", "ø≠ü", ""]

    init(_ random: SeededGenerator) { self.random = random }

    mutating func next() -> Command {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: Command(events: [register()])
        case 1 where !versions.isEmpty: Command(events: [activate()], reason: words())
        case 2: Command(events: [register(), activate()], reason: words())
        case 3, 4: Command(events: [patch()], reason: words())
        case 5: Command(events: [patch(), log(), log()], reason: words())
        case 6: Command(events: [open(), log()])
        default: Command(events: [log()])
        }
    }

    private mutating func words() -> String { Self.words.randomElement(using: &random) ?? "" }

    private mutating func register() -> (String, any DomainEvent) {
        let build = versions.count + 1
        let version = "2025.09.15_\(build)"
        versions.append(version)
        let event = ModelRegistered(
            version: version,
            buildDate: "2025-09-15",
            build: build,
            manifestPath: "models/\(version)/manifest.json",
            manifestSha256: String(repeating: "ab", count: 32),
            files: 4,
            sizeBytes: Int.random(in: 1...1_000_000, using: &random),
            changeScopes: "data",
            notes: Bool.random(using: &random) ? words() : nil,
            facts: ["dim": 128, "text": .string(words())]
        )
        return ("model-\(version)", event)
    }

    private mutating func activate() -> (String, any DomainEvent) {
        let version = versions.randomElement(using: &random) ?? ""
        defer { active = version }
        return ("activation", ModelActivated(version: version, previousVersion: active, kind: .activation))
    }

    private mutating func patch() -> (String, any DomainEvent) {
        let fields = ["ef_search", "top_k", "gate"].shuffled(using: &random).prefix(
            Int.random(in: 1...3, using: &random)
        )
        let changes = fields.sorted().map { field -> JSONValue in
            ["field": .string(field), "new": .integer(Int.random(in: 1...512, using: &random)), "old": 1]
        }
        let event = ConfigPatched(
            config: Bool.random(using: &random) ? .runtime : .trainer,
            kind: .patch,
            settingsVersion: 1,
            changes: .array(changes),
            words: words()
        )
        return ("config-\(event.config.rawValue)", event)
    }

    private mutating func open() -> (String, any DomainEvent) {
        tasks += 1
        return ("task-\(tasks)", TaskOpened(task: "t\(tasks)", title: words()))
    }

    private mutating func log() -> (String, any DomainEvent) {
        let task = max(tasks, 1)
        let event = TaskLogged(
            task: "t\(task)",
            entry: 1,
            directive: words(),
            response: words(),
            remaining: Int.random(in: 0...9, using: &random)
        )
        return ("task-\(task)", event)
    }
}
