internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The two configurations: read, change under the version that was read, take back, keep, restore.
struct ConfigRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let config = Parameter("config", .choice(ConfigName.allCases.map(\.rawValue)), "Which of the two.")
    var all: [Route] { [read, patch, schema, history, diff, undo, keep, restore] }

    private var read: Route {
        Route(
            .get,
            "/api/v1/config/{config}",
            "The settings in force",
            details: "The ETag names the version of the stream; send it back in If-Match to change what was read.",
            access: .requires(.read),
            path: [Self.config],
            query: [Reading.minimum, Reading.at],
            headers: [Parameter("if-none-match", .string(min: 1, max: 200), "Answer 304 if it is still this version.")],
            answers: [
                AnswerRule(200, "The settings.", Self.document), AnswerRule(304, "It is still that version.", nil),
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let config = try Self.config(call)
            guard call.query["at"] == nil else { return try await past(config, call) }
            let (values, version) = try await home.blocking { try home.current(config) }
            let tag = StreamTag.text(config.stream, version)
            guard call.headers["if-none-match"] != tag else { return Answer(status: 304, headers: ["ETag": tag]) }
            return .json(Self.json(config, values, version: version), headers: ["ETag": tag])
        }
    }

    private static let document = Schema.named(
        "Config",
        .object([
            Schema.Member("config", .choice(ConfigName.allCases.map(\.rawValue)), "Which of the two."),
            Schema.Member(
                "stream_version",
                .position,
                "The version of its stream; absent for a past moment.",
                isOptional: true
            ),
            Schema.Member("checkpoint", .position, "The moment; absent for now.", isOptional: true),
            Schema.Member("values", .map(.any, max: 1_000), "Each setting and its value."),
        ])
    )

    private func past(_ config: ConfigName, _ call: Call) async throws -> Answer {
        let source = try await Reading(home: home).source(of: call)
        let values = try await source.read { try Configs.values($0, config) }
        return .json(Self.json(config, values, checkpoint: source.pastCheckpoint))
    }

    private static func json(
        _ config: ConfigName,
        _ values: [String: JSONValue],
        version: UInt64? = nil,
        checkpoint: Int? = nil
    ) -> JSONValue {
        let schema = SettingsSchema.of(config)
        var rendered: [String: JSONValue] = [:]
        for (field, value) in values { rendered[field] = schema.setting(field)?.rendered(value) ?? value }
        var members: [String: JSONValue] = ["config": .string(config.rawValue), "values": .object(rendered)]
        members["stream_version"] = version.map { .integer(Int($0)) }
        members["checkpoint"] = checkpoint.map { .integer($0) }
        return .object(members)
    }

    private var patch: Route {
        Route(
            .patch,
            "/api/v1/config/{config}",
            "Change settings by a JSON Merge Patch",
            details:
                "null takes a setting back to its default. The whole patch is applied or nothing. With `seconds` the change ends "
                + "by itself.",
            access: .requires(.operate),
            path: [Self.config],
            query: [
                Parameter("reason", .string(min: 1, max: 2_000), "Why; it stays in the audit trail.", isRequired: true),
                Parameter("seconds", .integer(1...2_592_000), "How long it holds; for good where it is left out."),
            ] + Writing.query + Writing.gated,
            headers: [StreamTag.ifMatch] + Writing.headers,
            body: .json(.map(.any, max: 1_000), mediaType: "application/merge-patch+json"),
            answers: Writing.answers,
            problems: Writing.problems + ["precondition.missing", "precondition.stale"]
        ) { call in
            let config = try Self.config(call)
            let command = PatchConfig(
                config: config,
                patch: call.json,
                seconds: call.query["seconds"].flatMap { Int($0) }
            )
            return try await send(command, config, call, needsMatch: true, reason: call.query["reason"])
        }
    }

    private var schema: Route {
        Route(
            .get,
            "/api/v1/config/{config}/schema",
            "What each setting may be",
            access: .requires(.read),
            path: [Self.config],
            answers: [
                AnswerRule(
                    200,
                    "The settings in their order, and the rules between them.",
                    .object([
                        Schema.Member("config", .choice(ConfigName.allCases.map(\.rawValue)), "Which of the two."),
                        Schema.Member("version", .integer(1...1_000), "The version of this schema."),
                        Schema.Member(
                            "settings",
                            .array(
                                .object([
                                    Schema.Member("field", .string(max: 100), "Its name."),
                                    Schema.Member("limit", .string(max: 1_000), "What it may be."),
                                    Schema.Member("initial", .any, "Its default."),
                                    Schema.Member(
                                        "effect",
                                        .choice(SettingEffect.texts),
                                        "When a change takes effect: live, at a restart, with the next training."
                                    ),
                                    Schema.Member("note", .string(max: 1_000), "What it means."),
                                ]),
                                max: 1_000
                            ),
                            "The settings."
                        ),
                        Schema.Member(
                            "rules",
                            .array(
                                .object([
                                    Schema.Member("id", .string(max: 100), "Its name."),
                                    Schema.Member("condition", .string(max: 1_000), "What must hold."),
                                    Schema.Member(
                                        "fields",
                                        .array(.string(max: 100), max: 100),
                                        "The settings concerned."
                                    ),
                                ]),
                                max: 1_000
                            ),
                            "Rules between settings."
                        ),
                    ])
                )
            ]
        ) { call in
            let schema = SettingsSchema.of(try Self.config(call))
            return .json([
                "config": .string(schema.config.rawValue), "version": .integer(schema.version),
                "settings": .array(
                    schema.settings.map { setting in
                        [
                            "field": .string(setting.name), "limit": .string(setting.limit),
                            "initial": setting.rendered(setting.initial), "effect": .string(setting.effect.rawValue),
                            "note": .string(setting.note),
                        ]
                    }
                ),
                "rules": .array(
                    schema.rules.map { rule in
                        [
                            "id": .string(rule.id), "condition": .string(rule.condition),
                            "fields": .array(rule.fields.map { .string($0) }),
                        ]
                    }
                ),
            ])
        }
    }

    private var history: Route {
        Listing<ConfigChangeRow>.route(
            "/api/v1/config/{config}/history",
            "Every changed field, newest first",
            home,
            path: [Self.config],
            filters: [Parameter("field", .string(min: 1, max: 100), "Only this setting.")],
            people: ["actor"],
            after: .string(min: 3, max: 40, pattern: "[0-9]+[.][0-9]+"),
            takesMoment: true
        ) { db, request in
            let rows = try Configs.rows(
                db,
                ConfigName(rawValue: request.values["config"] ?? ""),
                field: request.values["field"],
                before: request.before,
                after: request.after,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit) { "\($0.position).\($0.ordinal)" }
        }
    }

    private var diff: Route {
        Route(
            .get,
            "/api/v1/config/{config}/diff",
            "What differs between two moments",
            access: .requires(.read),
            path: [Self.config],
            query: [
                Parameter("from", .string(min: 1, max: 100), "The earlier moment.", isRequired: true),
                Parameter("to", .string(min: 1, max: 100), "The later moment; now where it is left out."),
            ],
            answers: [
                AnswerRule(
                    200,
                    "The settings that differ.",
                    .object([
                        Schema.Member(
                            "changes",
                            .array(
                                .object([
                                    Schema.Member("field", .string(max: 100), "The setting."),
                                    Schema.Member("old", .any, "At the earlier moment.", isOptional: true),
                                    Schema.Member("new", .any, "At the later moment.", isOptional: true),
                                ]),
                                max: 1_000
                            ),
                            "In order of the settings."
                        )
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let (config, reading) = (try Self.config(call), Reading(home: home))
            let old = try await reading.source(of: call.with(query: ["at": call.query["from"] ?? ""]))
            let new = try await reading.source(of: call.query["to"].map { call.with(query: ["at": $0]) } ?? call)
            let (before, after) = (
                try await old.read { try Configs.values($0, config) },
                try await new.read { try Configs.values($0, config) }
            )
            return .json(["changes": .array(ValueChange.between(before, after).map(\.json))])
        }
    }

    private var undo: Route {
        act("undo", "Take back one change and touch no other field", isSigned: true) {
            UndoConfigChange(config: $0, position: $1)
        }
    }

    private var keep: Route {
        act("keep", "Keep a temporary change for good") { KeepConfigChange(config: $0, position: $1) }
    }

    private func act<Sent: Command>(
        _ verb: String,
        _ summary: String,
        isSigned: Bool = false,
        command: @escaping @Sendable (ConfigName, Int) -> Sent
    ) -> Route {
        Route.write(
            .post,
            "/api/v1/config/{config}/\(verb)",
            summary,
            access: .requires(.operate),
            path: [Self.config],
            headers: [StreamTag.ifMatch],
            body: [Schema.Member("position", .position, "Where the change stands."), Writing.reason]
                + (isSigned ? [Writing.password] : []),
            isGated: true,
            problems: ["precondition.stale"] + (isSigned ? ["auth.password", "auth.throttled", "busy"] : [])
        ) { call in
            let config = try Self.config(call)
            return try await send(
                command(config, call.json["position"]?.number ?? 0),
                config,
                call,
                isSigned: isSigned
            )
        }
    }

    private var restore: Route {
        Route.write(
            .post,
            "/api/v1/config/{config}/restore",
            "Set it to what it was at a moment; a new event",
            access: .requires(.operate),
            path: [Self.config],
            headers: [StreamTag.ifMatch],
            body: [Schema.Member("to", .string(min: 1, max: 100), "Position, time or snapshot."), Writing.reason],
            isGated: true,
            problems: ["precondition.stale"]
        ) { call in
            let (config, handler, to) = (try Self.config(call), home.commands, call.text("to"))
            let checkpoint = try await home.blocking { try MomentReader(handler).checkpoint(to) }
            return try await send(RestoreConfig(config: config, checkpoint: Int(checkpoint)), config, call)
        }
    }

    private func send<Sent: Command>(
        _ command: Sent,
        _ config: ConfigName,
        _ call: Call,
        needsMatch: Bool = false,
        isSigned: Bool = false,
        reason: String? = nil
    ) async throws -> Answer {
        let expecting = try StreamTag.expectation(config.stream, call, isNeeded: needsMatch)
        let read = "/api/v1/config/\(config.rawValue)"
        return try await writing.send(
            command,
            call,
            expecting: expecting,
            isSigned: isSigned,
            reason: reason,
            read: read
        )
    }

    private static func config(_ call: Call) throws(Problem) -> ConfigName {
        guard let config = ConfigName(rawValue: call.path["config"] ?? "") else {
            throw Problem(ControlProblems.unknown, "There is no such config.")
        }
        return config
    }
}

extension ControlHome {
    /// The values in force and the version of the stream that they come from, by the log itself.
    func current(_ config: ConfigName) throws -> (values: [String: JSONValue], version: UInt64) {
        let (state, versions) = try commands.folded(InitialiseConfig(config: config))
        let version = versions[config.stream] ?? 0
        return (state[config].effective.merging(state[config].retired) { $1 }, version)
    }
}
