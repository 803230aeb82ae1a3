package import CanonicalJSON

/// What a new version changed against the one before; several may hold.
package enum ChangeScope: String, Choice {
    case preprocessing
    case embeddingParams = "embedding_params"
    case featureWeights = "feature_weights"
    case indexParams = "index_params"
    case data
    case mapping
    case runtime
    case other
}

/// Who can answer with a version.
package enum Servable: String, Choice {
    /// Made by this program, which can answer with it.
    case native
    /// Made by Python, and read in full.
    case imported
    /// Made by Python, with something in it that only Python can compute: kept and listed, not served.
    case pythonOnly = "python-only"
    /// Registered before this was looked at.
    case unknown
}

/// A model version stands complete in its folder and may be activated.
package struct ModelRegistered: DomainEvent {
    package var version: String
    package var buildDate: String
    package var build: Int
    package var sourceName: String?
    package var manifestPath: String
    package var manifestSha256: String
    package var files: Int
    package var sizeBytes: Int
    package var changeScopes: String
    package var notes: String?
    package var unknownFields: String?
    package var facts: JSONValue
    package var servable: Servable
    package var servableReason: String?
    package var signatureSha256: String?

    package init(
        version: String,
        buildDate: String,
        build: Int,
        sourceName: String? = nil,
        manifestPath: String,
        manifestSha256: String,
        files: Int,
        sizeBytes: Int,
        changeScopes: String,
        notes: String? = nil,
        unknownFields: String? = nil,
        facts: JSONValue,
        servable: Servable = .unknown,
        servableReason: String? = nil,
        signatureSha256: String? = nil
    ) {
        self.version = version
        self.buildDate = buildDate
        self.build = build
        self.sourceName = sourceName
        self.manifestPath = manifestPath
        self.manifestSha256 = manifestSha256
        self.files = files
        self.sizeBytes = sizeBytes
        self.changeScopes = changeScopes
        self.notes = notes
        self.unknownFields = unknownFields
        self.facts = facts
        self.servable = servable
        self.servableReason = servableReason
        self.signatureSha256 = signatureSha256
    }

    package static let about = EventAbout(
        "model.registered",
        version: 2,
        summary: "model {version} was registered ({files} files, {size_bytes} bytes; scopes: {change_scopes})",
        object: "version",
        freeText: ["notes"],
        notes: [
            "version": "version, YYYY.MM.DD_build",
            "build_date": "date part of the version, YYYY-MM-DD, for ordering",
            "build": "build part of the version, for ordering",
            "source_name": "name of the folder it came from, where that was not the version",
            "manifest_path": "path of manifest.json in the home",
            "manifest_sha256": "digest of manifest.json",
            "files": "number of files the manifest lists",
            "size_bytes": "their size together",
            "change_scopes": "what changed, joined by \", \"; empty when nothing was told",
            "notes": "the registrar's words",
            "unknown_fields": "manifest fields that a legacy folder did not tell, joined by \", \"",
            "facts": "embedding, index and runtime as the manifest has them",
            "servable":
                "who can answer with it: native, imported, python-only; unknown of versions registered before this was told",
            "servable_reason": "why, in one sentence",
            "signature_sha256":
                "digest of manifest.dsse.json, the log's signature; absent of versions registered before there was one",
        ]
    )
}

/// Why a version became the active one.
package enum ActivationKind: String, Choice {
    /// It was chosen; it goes on top of the stack.
    case activation
    /// Going back: the stack was popped to this version's topmost place.
    case rollback
    /// A restore to an earlier moment; it goes on top of the stack.
    case restoration
}

/// A version became the active one; from the first of these on exactly one version is active for ever.
package struct ModelActivated: DomainEvent {
    package var version: String
    package var previousVersion: String?
    package var kind: ActivationKind
    package var isEmergency: Bool
    package var isExternal: Bool
    package var overriddenGates: String?
    package var overrideReason: String?

    package init(
        version: String,
        previousVersion: String? = nil,
        kind: ActivationKind,
        isEmergency: Bool = false,
        isExternal: Bool = false,
        overriddenGates: String? = nil,
        overrideReason: String? = nil
    ) {
        self.version = version
        self.previousVersion = previousVersion
        self.kind = kind
        self.isEmergency = isEmergency
        self.isExternal = isExternal
        self.overriddenGates = overriddenGates
        self.overrideReason = overrideReason
    }

    package static let about = EventAbout(
        "model.activated",
        version: 4,
        summary: "model {version} became active by {kind} (before: {previous_version|none})",
        object: "version",
        freeText: ["override_reason"],
        notes: [
            "version": "version that became active",
            "previous_version": "version that was active before, absent the first time",
            "kind": "activation, rollback or restoration",
            "is_emergency": "a rollback that waited for no approval: open until another person reviewed it",
            "is_external": "another service answers with it: no inference worker of this home loads it",
            "overridden_gates": "gates that failed and were overridden, joined by \", \"; absent where none was",
            "override_reason": "why they were overridden",
        ]
    )
}
