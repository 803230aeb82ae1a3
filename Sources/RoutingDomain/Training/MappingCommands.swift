package import CanonicalJSON

/// The input mappings, folded from their stream: every profile, and the one in force.
///
/// Exactly one is in force at any time; before anybody chose, it is the one that the program brings along.
package struct InputMappings: CommandState {
    /// A profile as it was saved.
    package struct Revision: Sendable, Equatable {
        package let sha256: String
        package let profile: JSONValue
    }

    /// The mapping that the program brings along: the plant schema.
    package static let builtIn = "plant-schema"
    package static let stream = "mapping-input"

    /// The profiles of each name, the first one first.
    package private(set) var saved: [String: [Revision]] = [:]
    /// The one in force, and which of its profiles; 0 for ``builtIn``.
    package private(set) var active: (name: String, revision: Int) = (builtIn, 0)

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as MappingSaved:
            saved[event.name, default: []].append(
                Revision(sha256: event.profileSha256, profile: event.profile)
            )
        case let event as MappingActivated: active = (event.name, event.revision)
        default: break
        }
    }

    /// One profile of a name; nil for one that was never saved.
    package func revision(_ number: Int, of name: String) -> Revision? {
        guard let revisions = saved[name], 1...revisions.count ~= number else { return nil }
        return revisions[number - 1]
    }

    /// The profile in force; nil for ``builtIn``.
    package var activeProfile: JSONValue? { revision(active.revision, of: active.name)?.profile }
}

/// Stores a profile under a name; the one in force stays in force.
///
/// The door has checked that the profile is one: the domain knows no databases.
package struct SaveMapping: RequestedCommand {
    package static let name = "save-mapping"
    package static let permission = Permission.train
    package static let isLocal = true
    package var mapping: String
    package var profileSha256: String
    package var profile: JSONValue

    package init(mapping: String, profileSha256: String, profile: JSONValue) {
        (self.mapping, self.profileSha256, self.profile) = (mapping, profileSha256, profile)
    }

    package func streams(_ known: InputMappings) -> [String] { [InputMappings.stream] }

    package func decide(_ state: InputMappings, in context: CommandContext) throws(Rejection)
        -> [Decided]
    {
        let name = try FreeText.identifier(mapping, field: "mapping")
        guard name != InputMappings.builtIn else {
            throw Rejection(
                "mapping.reserved",
                .conflict,
                "\(name) is the mapping that the program brings along",
                hint: "save yours under another name",
                field: "mapping",
                actual: name
            )
        }
        guard profile.members != nil else {
            throw Rejection(
                "mapping.profile",
                .invalid,
                "a profile is a JSON object, not \(profile.kind)",
                hint: "`daybook source profile` prints one",
                field: "profile"
            )
        }
        let revisions = state.saved[name] ?? []
        guard revisions.last?.sha256 != profileSha256 else {
            throw Rejection(
                "mapping.no-change",
                .conflict,
                "revision \(revisions.count) of \(name) is that profile already",
                hint: "`daybook mapping input activate \(name)` puts it in force",
                field: "profile",
                actual: profileSha256
            )
        }
        let event = MappingSaved(
            name: name,
            revision: revisions.count + 1,
            profileSha256: profileSha256,
            profile: profile
        )
        return [Decided(event, on: InputMappings.stream)]
    }
}

/// Puts a saved profile in force, or the one that the program brings along.
package struct ActivateMapping: RequestedCommand {
    package static let name = "activate-mapping"
    package static let permission = Permission.train
    package var mapping: String
    /// Which of its profiles; nil for the newest.
    package var revision: Int?

    package init(mapping: String, revision: Int? = nil) {
        (self.mapping, self.revision) = (mapping, revision)
    }

    package func streams(_ known: InputMappings) -> [String] { [InputMappings.stream] }

    package func decide(_ state: InputMappings, in context: CommandContext) throws(Rejection)
        -> [Decided]
    {
        _ = try context.requireReason(for: "another input mapping")
        let isBuiltIn = mapping == InputMappings.builtIn
        let number = isBuiltIn ? 0 : revision ?? state.saved[mapping]?.count ?? 0
        let chosen = state.revision(number, of: mapping)
        guard isBuiltIn ? (revision ?? 0) == 0 : chosen != nil else {
            throw Self.unknown(mapping, revision)
        }
        guard state.active != (mapping, number) else {
            throw Rejection(
                "mapping.already-active",
                .conflict,
                "\(mapping) is in force already" + (isBuiltIn ? "" : ", revision \(number)"),
                hint: "`daybook mapping input list` shows all",
                field: "mapping",
                actual: mapping
            )
        }
        let event = MappingActivated(
            name: mapping,
            revision: number,
            profileSha256: chosen?.sha256,
            previousName: state.active.name,
            previousRevision: state.active.revision
        )
        return [Decided(event, on: InputMappings.stream)]
    }

    /// The rejection for a mapping that was never saved.
    package static func unknown(_ mapping: String, _ revision: Int?) -> Rejection {
        Rejection(
            "mapping.unknown",
            .notFound,
            "there is no input mapping \(mapping.prefix(60))"
                + (revision.map { " of revision \($0)" } ?? ""),
            hint: "`daybook mapping input list` shows all",
            field: "mapping",
            actual: String(mapping.prefix(60))
        )
    }
}
