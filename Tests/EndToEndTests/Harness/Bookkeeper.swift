import CanonicalJSON

/// A command that several processes may send, and what it must leave in the log when it was acknowledged.
struct SentCommand: Sendable {
    let words: [String]
    /// The reason, which no other command has: it finds the command's events in the log.
    let reason: String
    /// The type of the first event, and one field of its payload.
    let type: String
    var field: String?
    var value: JSONValue?
    /// How many events it appends; nil where that depends on the state.
    var events = 1
    var hasKey = false
}

/// Keeps what the program has acknowledged, outside the disk under test, and holds the log against it.
struct Bookkeeper: Sendable {
    /// One acknowledgement: a command and the position that the program named.
    struct Acknowledged: Sendable {
        let command: SentCommand
        let position: Int
    }

    private(set) var acknowledged: [Acknowledged] = []
    private var sent: [String: SentCommand] = [:]

    /// Takes down a command before it is sent.
    mutating func note(sending command: SentCommand) { sent[command.reason] = command }

    /// Takes down what a child said; half a document acknowledges nothing.
    mutating func note(_ command: SentCommand, output: String) {
        guard let position = try? JSONReader.plain(output)["position"]?.number else { return }
        acknowledged.append(Acknowledged(command: command, position: position))
    }

    /// What is wrong with the events of a log; empty when nothing is.
    ///
    /// Positions are dense; every acknowledged command is there, once, at its position, with its facts; no command is
    /// there by half or twice; and at every prefix exactly one version is active, once one was.
    func violations(in events: [JSONValue]) -> [String] {
        var violations = density(events) + activations(events)
        let byReason = Dictionary(grouping: events) { $0["reason"]?.text ?? "" }
        for (reason, command) in sent {
            let own = byReason[reason] ?? []
            if Set(own.compactMap { $0["command"]?.text }).count > 1 { violations.append("\(reason) was done twice") }
            if !own.isEmpty, own.count != command.events {
                violations.append("\(reason) is there by half: \(own.count) of \(command.events) events")
            }
        }
        for item in acknowledged {
            let (command, position) = (item.command, item.position)
            guard events.indices.contains(position) else {
                violations.append("\(command.reason) was acknowledged at \(position) and is lost")
                continue
            }
            let event = events[position]
            if event["type"]?.text != command.type || event["reason"]?.text != command.reason {
                violations.append(
                    "position \(position) was acknowledged as \(command.reason), and is \(event.prettyText)"
                )
            }
            if let field = command.field, event["payload"]?[field] != command.value {
                violations.append("\(command.reason) was acknowledged with another \(field)")
            }
        }
        return violations
    }

    private func density(_ events: [JSONValue]) -> [String] {
        var closed: Set<String> = []
        var current: String?
        var violations: [String] = []
        for (index, event) in events.enumerated() {
            if event["position"]?.number != index { violations.append("position \(index) is not in its place") }
            guard let command = event["command"]?.text, command != current else { continue }
            if let current { closed.insert(current) }
            if closed.contains(command) { violations.append("command \(command) is torn apart at \(index)") }
            current = command
        }
        return violations
    }

    private func activations(_ events: [JSONValue]) -> [String] {
        var active: String?
        var violations: [String] = []
        for event in events where event["type"]?.text == "model.activated" {
            let payload = event["payload"]
            if payload?["previous_version"]?.text != active {
                violations.append("two versions are active before position \(event["position"]?.number ?? -1)")
            }
            active = payload?["version"]?.text
        }
        return violations
    }
}

/// Makes commands at random, each with a reason of its own.
struct CommandMaker {
    let versions: [String]
    private var count = 0

    init(versions: [String]) { self.versions = versions }

    mutating func next(using random: inout some RandomNumberGenerator) -> SentCommand {
        count += 1
        let reason = "command \(count)"
        var command: SentCommand
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
            let version = versions.randomElement(using: &random) ?? versions[0]
            command = SentCommand(words: ["model", "activate", version], reason: reason, type: "model.activated")
            (command.field, command.value) = ("version", .string(version))
        case 2:
            command = SentCommand(words: ["model", "rollback", "--yes"], reason: reason, type: "model.activated")
            (command.field, command.value) = ("kind", "rollback")
        case 3:
            let words = ["task", "open", "work \(count)", "--id", "t-\(count)", "--sprint", "w0"]
            command = SentCommand(words: words, reason: reason, type: "task.opened", events: 2)
            (command.field, command.value) = ("task", .string("t-\(count)"))
        case 4:
            command = SentCommand(
                words: ["snapshot", "create", "s-\(count)"],
                reason: reason,
                type: "snapshot.created"
            )
            (command.field, command.value) = ("name", .string("s-\(count)"))
        default:
            let patch = "{\"ef_search\": \(Int.random(in: 64...512, using: &random))}"
            command = SentCommand(words: ["config", "patch", "runtime", patch], reason: reason, type: "config.patched")
        }
        command.hasKey = Bool.random(using: &random)
        return command
    }
}

extension SentCommand {
    /// What is typed, with `--json`.
    var line: [String] { words + ["--reason", reason, "--json"] + (hasKey ? ["--key", reason] : []) }
}
