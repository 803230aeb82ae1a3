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
    package var servable: Servable
    package var servableReason: String?
    package var signatureSha256: String?

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
        facts: JSONValue,
        servable: Servable = .unknown,
        servableReason: String? = nil,
        signatureSha256: String? = nil
    ) {
        self.servable = servable
        self.servableReason = servableReason
        self.signatureSha256 = signatureSha256
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
            facts: facts,
            servable: servable,
            servableReason: servableReason,
            signatureSha256: signatureSha256
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
///
/// Whoever sends it has had the version's gates looked at (``GateReport``); what it tells of them is believed.
package struct ActivateModel: GatedCommand, RequestedCommand {
    /// The activation stack, the registration of the version in question, who may override, and the gate of four eyes.
    package struct State: CommandState {
        package var activation = ActivationState()
        package var models = ModelState()
        package var approvals = ApprovalState()
        package var access = AccessState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            activation.apply(past)
            models.apply(past)
            approvals.apply(past)
            access.apply(past)
        }
    }

    package static let name = "activate-model"
    package static let permission = Permission.operate
    package static let isLocal = true
    package static let isSigned = true
    package var version: String
    package var approval: String?
    /// Whether another service answers with it, so that no inference worker of this home has to load it.
    package var isExternal: Bool?
    /// The gates that failed and are overridden, joined by ", "; nil for none.
    package var overriddenGates: String?
    /// Why they are.
    package var overrideReason: String?

    package init(
        version: String,
        approval: String? = nil,
        isExternal: Bool = false,
        overriddenGates: [String] = [],
        overrideReason: String? = nil
    ) {
        self.version = version
        self.approval = approval
        self.isExternal = isExternal ? true : nil
        self.overriddenGates = overriddenGates.isEmpty ? nil : overriddenGates.joined(separator: ", ")
        self.overrideReason = overrideReason
    }

    package func streams(_ known: State) -> [String] {
        let people = overriddenGates == nil ? [] : [AccessStreams.directory, AccessStreams.services]
        return [ActivationState.stream, ModelState.stream(version)] + gateStreams() + people
    }

    package func deed(_ state: State) -> GatedDeed {
        let external = isExternal == true ? " for another service" : ""
        let overriding = overriddenGates.map { " overriding \($0)" } ?? ""
        return GatedDeed(.activation, target: version + external + overriding)
    }

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
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        let override = try overridden(state, isApproved: !used.isEmpty, context)
        let event = ModelActivated(
            version: version,
            previousVersion: state.activation.active,
            kind: .activation,
            isExternal: isExternal ?? false,
            overriddenGates: override?.gates,
            overrideReason: override?.reason
        )
        return [Decided(event, on: ActivationState.stream)] + used
    }

    /// What is overridden and why; nil where nothing is.
    ///
    /// Only gates of quality can be, with a reason, and by somebody who may approve: the actor, or who granted the approval.
    private func overridden(
        _ state: State,
        isApproved: Bool,
        _ context: CommandContext
    ) throws(Rejection) -> (gates: String, reason: String)? {
        guard let overriddenGates else { return nil }
        for name in overriddenGates.split(separator: ", ").map(String.init) {
            guard ActivationGate(rawValue: name)?.isQuality == true else {
                throw Rejection(
                    "gate.not-overridable",
                    .notAllowed,
                    "the gate \(name.prefix(60)) cannot be overridden",
                    hint: "only gates of quality can; a version that is altered or does not load serves nobody",
                    field: "override_gates",
                    limit: ActivationGate.allCases.filter(\.isQuality).map(\.rawValue).joined(separator: ", "),
                    actual: String(name.prefix(60))
                )
            }
        }
        let words = try FreeText.checked(overrideReason ?? "", field: "override_reason", maximumBytes: 2000)
        let user = state.access.users[context.actor]
        let mayApprove = user.map { $0.status == .active && $0.role?.permissions.contains(.approve) == true }
        // Who has no account here works on the home's own machine and owns it; a program never approves.
        guard isApproved || context.isDryRun || mayApprove ?? (state.access.accounts[context.actor] == nil) else {
            throw Rejection(
                "gate.override",
                .notAllowed,
                "overriding a gate is for somebody who may approve",
                hint:
                    "send it with --request-approval, let an approver grant it, then send it again with --approval ID",
                field: "override_gates",
                limit: Permission.approve.rawValue,
                actual: user?.role?.rawValue
            )
        }
        return (overriddenGates, words)
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
