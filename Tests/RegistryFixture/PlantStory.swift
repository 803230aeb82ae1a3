import CanonicalJSON
package import RoutingDomain

/// Text that tries to be something else in Markdown, HTML, CSV, a terminal and a log file.
package enum HostileText {
    package static let markdown =
        "# heading\n- [x] done `code` **bold** [link](javascript:alert(1)) ![i](x) | cell | <b>&amp;</b>"
    package static let formula = "=HYPERLINK(\"http://evil\",\"x\")"
    package static let terminal = "\u{1b}[31mred\u{1b}[0m\u{7}\u{202e}drawkcab"
    package static let hangul = "품목마스터 재질 品目 \u{1F527}"
    package static let lines = "one\r\ntwo\nthree\u{2028}four"
    package static let quotes = "a \"quoted\", 'single' \\back\\slash"
    package static let html = "<script>alert('x')</script>"

    /// All of them.
    package static let all = [markdown, formula, terminal, hangul, lines, quotes, html]
}

extension RegistryFixture {
    /// Registers a version by its two parts, inactive.
    @discardableResult
    package func register(
        _ date: String,
        _ build: Int,
        scopes: String = "data",
        notes: String? = nil,
        facts: JSONFacts = JSONFacts()
    ) throws -> String {
        let version = "\(date)_\(build)"
        try append(
            ModelRegistered(
                version: version,
                buildDate: date.map { $0 == "." ? "-" : String($0) }.joined(),
                build: build,
                manifestPath: "models/\(version)/manifest.json",
                manifestSha256: "00ff",
                files: 5,
                sizeBytes: 1234,
                changeScopes: scopes,
                notes: notes,
                facts: facts.document
            ),
            on: "model-\(version)",
            reason: "trained"
        )
        return version
    }

    /// Writes the defaults of both configurations.
    package func initialise() throws {
        for config in ConfigName.allCases {
            let schema = SettingsSchema.of(config)
            let changes = [FieldChange].between([:], schema.initialValues)
            try append(
                ConfigPatched(
                    config: config,
                    kind: .initial,
                    settingsVersion: schema.version,
                    changes: changes.document,
                    words: changes.words
                ),
                on: config.stream,
                reason: "initial values"
            )
        }
    }

    /// Changes settings as an operator would; values are in stored form.
    @discardableResult
    package func patch(
        _ config: ConfigName,
        _ changes: [FieldChange],
        kind: ConfigChangeKind = .patch,
        until expiresAt: Timestamp? = nil,
        reverts: Int? = nil,
        reason: String = "tuning"
    ) throws -> Int {
        try append(
            ConfigPatched(
                config: config,
                kind: kind,
                settingsVersion: SettingsSchema.of(config).version,
                changes: changes.document,
                expiresAt: expiresAt,
                revertsPosition: reverts,
                words: changes.words
            ),
            on: config.stream,
            reason: reason
        )
    }

    /// Two models, two activations and a rollback, settings, a wave with hostile entries, approvals, a snapshot, an export.
    package func tellStory() throws {
        try initialise()
        let old = try register("2025.09.15", 1, scopes: "preprocessing, data", notes: "first words")
        let new = try register("2025.09.29", 1, scopes: "data, embedding_params", facts: JSONFacts(dimension: 128))
        try append(ModelActivated(version: old, kind: .activation), on: "activation", reason: "first")
        try append(
            ModelActivated(version: new, previousVersion: old, kind: .activation),
            on: "activation",
            reason: "better"
        )
        try patch(.runtime, [FieldChange(field: "ef_search", old: 128, new: 256)])
        try append(
            ModelActivated(version: old, previousVersion: new, kind: .rollback),
            on: "activation",
            reason: "worse"
        )
        try append(SprintOpened(sprint: "w0", kind: .wave, title: "Registry | *manifest*"), on: "sprint-w0")
        try append(
            ApprovalRequested(approval: "a1", subject: "sprint-w0", statement: "done?", sprint: "w0"),
            on: "approval-a1"
        )
        for (index, text) in HostileText.all.enumerated() { try work(task: "t\(index)", sprint: "w0", words: text) }
        try append(TaskOpened(task: "loose", title: "no sprint"), on: "task-loose")
        try append(TaskClosed(task: "t0", sprint: "w0"), on: "task-t0")
        try append(
            ApprovalGranted(approval: "a1", subject: "sprint-w0", sprint: "w0"),
            on: "approval-a1",
            by: Self.bob,
            meaning: "approved"
        )
        wait(minutes: 24 * 60)
        try append(SprintClosed(sprint: "w0", approval: "a1", outstanding: 6), on: "sprint-w0")
        try append(ApprovalRequested(approval: "a2", subject: "x", statement: "still waits"), on: "approval-a2")
        try patch(
            .trainer,
            [FieldChange(field: "feature_weights", old: [:], new: ["외경": "1.250", "no": "0.500"])],
            until: Timestamp("2026-12-01T00:00:00.000000Z")
        )
        try append(SnapshotCreated(name: "before-audit", atCheckpoint: checkpoint), on: "snapshot")
    }

    private func work(task: String, sprint: String, words: String) throws {
        try append(TaskOpened(task: task, title: words, sprint: sprint), on: "task-\(task)")
        try append(SprintTaskAdded(sprint: sprint, task: task), on: "sprint-\(sprint)")
        let position = try append(
            TaskLogged(
                task: task,
                entry: 1,
                sprint: sprint,
                directive: words,
                response: words,
                evidence: words,
                remaining: 3,
                claimedAt: Timestamp("2026-08-31T20:00:00.000000Z")
            ),
            on: "task-\(task)",
            by: Self.bob,
            reason: words
        )
        guard task == "t1" else { return }
        try append(
            TaskCorrected(
                task: task,
                entry: 1,
                correctsPosition: position,
                sprint: sprint,
                directive: words,
                response: "corrected",
                remaining: 2
            ),
            on: "task-\(task)",
            reason: "a slip"
        )
    }
}
