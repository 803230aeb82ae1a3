/// The stack of activations, folded from the stream `activation`.
package struct ActivationState: CommandState {
    /// One activation as it happened.
    package struct Entry: Hashable, Sendable {
        package let position: UInt64
        package let version: String
        package let kind: ActivationKind
        package let at: Timestamp
        package let actor: String
        /// Whether another service answers with it.
        package let isExternal: Bool
    }

    /// Every activation, oldest first.
    package private(set) var entries: [Entry] = []
    /// The versions to go back through, the active one last.
    ///
    /// A rollback takes from the top, so it never leads to a version that was rolled back from.
    package private(set) var stack: [String] = []

    /// The stream that decides which version is active.
    package static let stream = "activation"

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        guard let event = past.event as? ModelActivated else { return }
        entries.append(
            Entry(
                position: past.position,
                version: event.version,
                kind: event.kind,
                at: past.recordedAt,
                actor: past.actor,
                isExternal: event.isExternal
            )
        )
        switch event.kind {
        case .activation, .restoration: stack.append(event.version)
        case .rollback:
            stack.removeLast(min(1, stack.count))
            while let top = stack.last, top != event.version { stack.removeLast() }
            if stack.isEmpty { stack = [event.version] }
        }
    }

    /// The active version, nil before the first activation.
    package var active: String? { stack.last }

    /// Whether another service answered with a version when it was active last.
    package func wasExternal(_ version: String) -> Bool { entries.last { $0.version == version }?.isExternal ?? false }

    /// The version that was active just before a position.
    package func active(before checkpoint: UInt64) -> String? {
        entries.last { $0.position < checkpoint }?.version
    }

    /// Where a rollback would lead: the version before, or a named one's topmost place below the active one.
    package func target(of named: String?) throws(Rejection) -> String {
        let below = stack.dropLast()
        let way = below.reversed().joined(separator: ", ")
        guard let next = below.last else {
            throw Rejection(
                "rollback.nothing",
                .conflict,
                "there is no version to go back to from \(active ?? "nothing")",
                hint: entries.isEmpty
                    ? "no version was ever active; `daybook model activate VERSION` begins"
                    : "activated so far: \(Self.words(entries)); `daybook model activate VERSION` goes anywhere"
            )
        }
        guard let named else { return next }
        guard below.contains(named) else {
            throw Rejection(
                "rollback.not-on-stack",
                .conflict,
                "\(named) is not below the active \(active ?? "-") on the stack",
                hint: "going back leads through \(way); `daybook model activate \(named)` goes there forward",
                field: "to",
                limit: way,
                actual: named
            )
        }
        return named
    }

    /// The position just before which a version's last active moment ended, nil if it never ended or never began.
    package func endOfLastActivity(of version: String) -> UInt64? {
        guard let last = entries.lastIndex(where: { $0.version == version }), last + 1 < entries.count else {
            return nil
        }
        return entries[last + 1].position
    }

    /// Whether a version is active, or was so less than a span ago.
    func wasActive(_ version: String, within microseconds: Int64, of now: Timestamp) -> Bool {
        guard let last = entries.lastIndex(where: { $0.version == version }) else { return false }
        guard last + 1 < entries.count else { return true }
        return EmergencyWindow.holds(entries[last + 1].at, within: microseconds, of: now)
    }

    private static func words(_ entries: [Entry]) -> String {
        entries.suffix(10).map { "\($0.version) (\($0.kind.rawValue) at \($0.position))" }.joined(separator: ", ")
    }
}

/// Whether a model version is registered, folded from its own stream.
package struct ModelState: CommandState {
    /// The registrations seen, by version.
    package private(set) var registered: [String: ModelRegistered] = [:]

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        if let event = past.event as? ModelRegistered { registered[event.version] = event }
    }

    /// The stream of a version.
    package static func stream(_ version: String) -> String { "model-\(version)" }
}
