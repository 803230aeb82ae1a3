package import CanonicalJSON

/// One saved routing, folded from its stream.
package struct RoutingState: CommandState {
    /// The newest revision; nil while the stream is empty.
    package private(set) var saved: RoutingSaved?
    package private(set) var isWithdrawn = false

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as RoutingSaved: saved = event
        case is RoutingWithdrawn: isWithdrawn = true
        default: break
        }
    }

    /// The stream of a routing.
    package static func stream(_ routing: String) -> String { "routing-\(routing)" }

    /// The newest revision of a routing that is in use.
    func inUse(_ routing: String) throws(Rejection) -> RoutingSaved {
        guard let saved else {
            throw Rejection(
                "routing.unknown",
                .notFound,
                "there is no routing \(routing)",
                hint: "`daybook routing list` shows the routings",
                field: "routing",
                actual: routing
            )
        }
        guard !isWithdrawn else {
            throw Rejection(
                "routing.withdrawn",
                .conflict,
                "the routing \(routing) of \(saved.item) was withdrawn",
                hint: "save another one for the part",
                field: "routing",
                actual: "withdrawn"
            )
        }
        return saved
    }
}

/// Saves the routing of a part, or with `isRevision` the next revision of one that was saved.
package struct SaveRouting: RequestedCommand {
    package static let name = "save-routing"
    package static let permission = Permission.operate
    package var routing: String
    package var isRevision: Bool
    package var item: String
    package var source: RoutingSource
    /// The version of the model that proposed the operations.
    package var version: String?
    package var title: String?
    package var notes: String?
    package var operations: JSONValue
    package var evidence: JSONValue?

    package init(
        routing: String,
        isRevision: Bool = false,
        item: String,
        source: RoutingSource,
        version: String? = nil,
        title: String? = nil,
        notes: String? = nil,
        operations: JSONValue,
        evidence: JSONValue? = nil
    ) {
        (self.routing, self.isRevision, self.item, self.source) = (routing, isRevision, item, source)
        (self.version, self.title, self.notes) = (version, title, notes)
        (self.operations, self.evidence) = (RoutingContent.texts(operations), evidence.map(RoutingContent.texts))
    }

    /// Numbers with a fraction become text: a command is stored and compared as canonical JSON, which has none.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            routing: try container.decode(String.self, forKey: .routing),
            isRevision: try container.decode(Bool.self, forKey: .isRevision),
            item: try container.decode(String.self, forKey: .item),
            source: try container.decode(RoutingSource.self, forKey: .source),
            version: try container.decodeIfPresent(String.self, forKey: .version),
            title: try container.decodeIfPresent(String.self, forKey: .title),
            notes: try container.decodeIfPresent(String.self, forKey: .notes),
            operations: try container.decode(JSONValue.self, forKey: .operations),
            evidence: try container.decodeIfPresent(JSONValue.self, forKey: .evidence)
        )
    }

    package func streams(_ known: RoutingState) -> [String] { [RoutingState.stream(routing)] }

    package func decide(_ state: RoutingState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let routing = try Pseudonym.checked(routing, field: "routing")
        _ = try context.requireReason(for: "saving a routing")
        let before = try before(state)
        let content = try RoutingContent(operations: operations, evidence: evidence)
        let event = RoutingSaved(
            routing: routing,
            revision: (before?.revision ?? 0) + 1,
            item: try FreeText.checked(item, field: "item", maximumBytes: 100),
            source: source,
            version: try checkedVersion(),
            title: try title.map { text throws(Rejection) in
                try FreeText.checked(text, field: "title", maximumBytes: 200)
            },
            notes: try notes.map { text throws(Rejection) in
                try FreeText.checked(text, field: "notes", maximumBytes: 2_000)
            },
            content: content.json
        )
        guard !event.saysThe(sameAs: before) else {
            throw Rejection(
                "routing.no-change",
                .conflict,
                "revision \(event.revision - 1) of the routing says that already",
                hint: "`daybook routing show \(routing)` shows it",
                field: "operations",
                actual: "revision \(event.revision - 1)"
            )
        }
        return [Decided(event, on: RoutingState.stream(routing))]
    }

    /// The revision that this one follows; nil for the first save.
    private func before(_ state: RoutingState) throws(Rejection) -> RoutingSaved? {
        if !isRevision {
            guard state.saved == nil else {
                throw Rejection(
                    "routing.duplicate",
                    .conflict,
                    "there is a routing \(routing) already",
                    hint: "save it as a revision of that one, or under another identifier",
                    field: "routing",
                    actual: routing
                )
            }
            return nil
        }
        let saved = try state.inUse(routing)
        guard saved.item == item else {
            throw Rejection(
                "routing.item",
                .conflict,
                "the routing \(routing) is of the part \(saved.item), not of \(item.prefix(100))",
                hint: "save a routing of its own for the other part",
                field: "item",
                limit: saved.item,
                actual: String(item.prefix(100))
            )
        }
        return saved
    }

    private func checkedVersion() throws(Rejection) -> String? {
        guard version.map({ ModelVersion($0) != nil }) ?? (source != .proposed) else {
            throw Rejection(
                "routing.version",
                .invalid,
                version.map { "\"\($0.prefix(60))\" is no version of a model" }
                    ?? "a routing that was proposed names the version that proposed it",
                hint: "for example 2026.01.12_1, as the answer with the proposal tells",
                field: "version",
                limit: "YYYY.MM.DD_build",
                actual: version.map { String($0.prefix(60)) } ?? "nothing"
            )
        }
        return version
    }
}

/// Says that a routing is no longer for use.
package struct WithdrawRouting: RequestedCommand {
    package static let name = "withdraw-routing"
    package static let permission = Permission.operate
    package var routing: String

    package init(routing: String) { self.routing = routing }

    package func streams(_ known: RoutingState) -> [String] { [RoutingState.stream(routing)] }

    package func decide(_ state: RoutingState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let routing = try Pseudonym.checked(routing, field: "routing")
        _ = try context.requireReason(for: "withdrawing a routing")
        let saved = try state.inUse(routing)
        let event = RoutingWithdrawn(routing: routing, revision: saved.revision, item: saved.item)
        return [Decided(event, on: RoutingState.stream(routing))]
    }
}

extension RoutingSaved {
    /// Whether a revision tells nothing that the one before did not.
    fileprivate func saysThe(sameAs before: RoutingSaved?) -> Bool {
        guard var before else { return false }
        before.revision = revision
        return before == self
    }
}
