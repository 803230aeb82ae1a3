package import CanonicalJSON

/// Registers a complete model folder as an inactive version.
package struct RegisterModel: RequestedCommand {
    package static let name = "register-model"
    package static let permission = Permission.train
    package static let isLocal = true
    package var version: String
    package var sourceName: String?
    package var manifestPath: String
    package var manifestSha256: String
    package var files: Int
    package var sizeBytes: Int
    package var changeScopes: [String]
    package var notes: String?
    package var unknownFields: [String]
    package var facts: JSONValue

    package init(
        version: String,
        sourceName: String?,
        manifestPath: String,
        manifestSha256: String,
        files: Int,
        sizeBytes: Int,
        changeScopes: [String],
        notes: String?,
        unknownFields: [String],
        facts: JSONValue
    ) {
        self.version = version
        self.sourceName = sourceName
        self.manifestPath = manifestPath
        self.manifestSha256 = manifestSha256
        self.files = files
        self.sizeBytes = sizeBytes
        self.changeScopes = changeScopes
        self.notes = notes
        self.unknownFields = unknownFields
        self.facts = facts
    }

    package func streams(_ known: ModelState) -> [String] { [ModelState.stream(version)] }

    package func decide(_ state: ModelState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let parsed = try ModelVersion.checked(version)
        guard state.registered[version] == nil else { throw Self.duplicate(parsed) }
        for scope in changeScopes where ChangeScope(rawValue: scope) == nil {
            throw Rejection(
                "model.scope",
                .invalid,
                "\"\(scope)\" is not a change scope",
                hint: "the scopes are \(ChangeScope.texts.joined(separator: ", "))",
                field: "change_scopes",
                limit: ChangeScope.texts.joined(separator: " | "),
                actual: scope
            )
        }
        let words = notes ?? ""
        let checkedNotes = words.isEmpty ? nil : try FreeText.checked(words, field: "notes", maximumBytes: 2000)
        let event = ModelRegistered(
            version: version,
            buildDate: String(version.prefix(10)).replacing(".", with: "-"),
            build: parsed.build,
            sourceName: sourceName,
            manifestPath: manifestPath,
            manifestSha256: manifestSha256,
            files: files,
            sizeBytes: sizeBytes,
            changeScopes: changeScopes.joined(separator: ", "),
            notes: checkedNotes,
            unknownFields: unknownFields.isEmpty ? nil : unknownFields.joined(separator: ", "),
            facts: facts
        )
        return [Decided(event, on: ModelState.stream(version))]
    }

    /// What a version that is registered already is answered with.
    package static func duplicate(_ version: ModelVersion) -> Rejection {
        Rejection(
            "model.duplicate",
            .conflict,
            "version \(version) is registered already",
            hint: "a version never changes; give the new folder another with --version, the next is "
                + "\(version.next.map(\.description) ?? "none of that day")",
            field: "version",
            actual: version.description
        )
    }
}

extension ModelVersion {
    /// The version of a text, or the rejection that explains the syntax.
    package static func checked(_ text: String) throws(Rejection) -> ModelVersion {
        guard let version = ModelVersion(text) else {
            throw Rejection(
                "model.version-syntax",
                .invalid,
                "\"\(text.prefix(80))\" is not a version",
                hint: "a version is YYYY.MM.DD_build with a date that exists and a build from 1 to 999999, "
                    + "for example 2025.09.15_1",
                field: "version",
                limit: "YYYY.MM.DD_build",
                actual: String(text.prefix(80))
            )
        }
        return version
    }
}

/// Makes a registered version the active one.
package struct ActivateModel: GatedCommand, RequestedCommand {
    /// The activation stack, the registration of the version in question, and the gate.
    package struct State: CommandState {
        package var activation = ActivationState()
        package var models = ModelState()
        package var approvals = ApprovalState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            activation.apply(past)
            models.apply(past)
            approvals.apply(past)
        }
    }

    package static let name = "activate-model"
    package static let permission = Permission.operate
    package static let isLocal = true
    package static let isSigned = true
    package var version: String
    package var approval: String?

    package init(version: String, approval: String? = nil) {
        self.version = version
        self.approval = approval
    }

    package func streams(_ known: State) -> [String] {
        [ActivationState.stream, ModelState.stream(version)] + gateStreams()
    }

    package func deed(_ state: State) -> GatedDeed { GatedDeed(.activation, target: version) }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try ModelVersion.checked(version)
        _ = try context.requireReason(for: "an activation")
        guard state.models.registered[version] != nil else { throw Self.unknown(version) }
        guard state.activation.active != version else {
            throw Rejection(
                "activation.already-active",
                .conflict,
                "version \(version) is the active one already",
                hint: "`daybook model history` shows since when",
                field: "version",
                actual: version
            )
        }
        let event = ModelActivated(
            version: version,
            previousVersion: state.activation.active,
            kind: .activation
        )
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        return [Decided(event, on: ActivationState.stream)] + used
    }

    /// The rejection for a version that was never registered.
    package static func unknown(_ version: String) -> Rejection {
        Rejection(
            "model.unknown",
            .notFound,
            "version \(version) is not registered",
            hint: "`daybook model list` shows the registered versions",
            field: "version",
            actual: version
        )
    }
}
