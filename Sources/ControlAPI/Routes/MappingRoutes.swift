internal import CanonicalJSON
internal import CommandHandling
internal import Extraction
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The input mappings: read, save under the version that was read, put in force.
struct MappingRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let path = "/api/v1/mappings/input"
    private static let name = Parameter(
        "name",
        .string(min: 1, max: 60, pattern: "[a-z0-9][a-z0-9._-]*"),
        "The mapping's name; plant-schema is the one that the program brings along."
    )
    var all: [Route] { [list, one, save, activate] }

    private var list: Route {
        Route(
            .get,
            Self.path,
            "The saved profiles and which one is in force",
            details:
                "The ETag names the version of the stream; send it back in If-Match to save or activate.",
            access: .requires(.read),
            query: [Reading.minimum, Reading.at],
            answers: [
                AnswerRule(
                    200,
                    "The profiles, by name, the newest of each first.",
                    .object([
                        Schema.Member("active", .string(max: 60), "The one in force."),
                        Schema.Member(
                            "active_revision",
                            .position,
                            "Which of its profiles; 0 for the program's own."
                        ),
                        Schema.Member(
                            "items",
                            .array(Shapes.row(MappingRow.self), max: 1_000),
                            "The profiles."
                        ),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "busy", "storage"]
        ) { call in
            let (_, version) = try await home.blocking { try home.inputMappings() }
            let source = try await Reading(home: home).source(of: call)
            let checkpoint = source.checkpoint
            let rows = try await source.read { try Mappings.list($0) }
            let active = rows.first(where: \.isActive)
            return .json(
                [
                    "active": .string(active?.name ?? InputMappings.builtIn),
                    "active_revision": .integer(active?.revision ?? 0), "items": .array(rows.map(\.json)),
                    "checkpoint": .integer(Int(checkpoint)),
                ],
                headers: ["ETag": StreamTag.text(InputMappings.stream, version)]
            )
        }
    }

    private var one: Route {
        Route(
            .get,
            "\(Self.path)/{name}",
            "A profile",
            details: "The newest of its name, unless the revision is told.",
            access: .requires(.read),
            path: [Self.name],
            query: [Parameter("revision", .integer(0...1_000_000), "Which of its profiles.")],
            answers: [
                AnswerRule(
                    200,
                    "The profile.",
                    .object([
                        Schema.Member("name", .string(max: 60), "Its name."),
                        Schema.Member("revision", .position, "Which of its profiles; 0 for the program's own."),
                        Schema.Member("profile_sha256", .string(max: 64), "Its digest."),
                        Schema.Member("active", .boolean, "Whether it is in force."),
                        Schema.Member(
                            "profile",
                            .any,
                            "Tables and columns, as `daybook source profile` prints them."
                        ),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "storage"]
        ) { call in
            let (name, asked) = (call.path["name"] ?? "", call.query["revision"].flatMap { Int($0) })
            let (state, version) = try await home.blocking { try home.inputMappings() }
            let isBuiltIn = name == InputMappings.builtIn
            let number = asked ?? (isBuiltIn ? 0 : state.saved[name]?.count ?? 0)
            let found = state.revision(number, of: name)
            guard found != nil || (isBuiltIn && number == 0) else {
                throw ActivateMapping.unknown(name, asked)
            }
            return .json(
                [
                    "name": .string(name), "revision": .integer(number),
                    "profile_sha256": .string(found?.sha256 ?? SourceProfile.plantSchema.digest),
                    "active": .bool(state.active == (name, number)),
                    "profile": found?.profile ?? SourceProfile.plantSchema.json,
                ],
                headers: ["ETag": StreamTag.text(InputMappings.stream, version)]
            )
        }
    }

    private var save: Route {
        Route(
            .put,
            "\(Self.path)/{name}",
            "Save a profile under a name; the one in force stays in force",
            details:
                "It is checked whole, as a training would read it. A further profile of a name is its next revision.",
            access: .requires(.train),
            path: [Self.name],
            query: [Parameter("reason", .string(min: 1, max: 2_000), "Why; it stays in the audit trail.")]
                + Writing.query,
            headers: [StreamTag.ifMatch] + Writing.headers,
            body: .json(.map(.any, max: 100)),
            answers: Writing.answers,
            problems: Writing.problems + ["precondition.missing", "precondition.stale"]
        ) { call in
            let name = call.path["name"] ?? ""
            let profile: SourceProfile
            do throws(ExtractionFault) { profile = try SourceProfile(call.json) } catch {
                throw Rejection(
                    "mapping.profile",
                    .invalid,
                    error.message,
                    hint: error.hint,
                    field: "profile"
                )
            }
            return try await send(
                SaveMapping(mapping: name, profileSha256: profile.digest, profile: profile.json),
                call,
                reason: call.query["reason"]
            )
        }
    }

    private var activate: Route {
        Route(
            .post,
            "\(Self.path)/{name}/activate",
            "Put a profile in force: trainings read by it from now on",
            access: .requires(.train),
            path: [Self.name],
            query: Writing.query,
            headers: [StreamTag.ifMatch] + Writing.headers,
            body: .json(
                .object([
                    Schema.Member(
                        "revision",
                        .integer(0...1_000_000),
                        "Which of its profiles; the newest where it is left out.",
                        isOptional: true
                    ), Writing.reason,
                ])
            ),
            answers: Writing.answers,
            problems: Writing.problems + ["precondition.missing", "precondition.stale"]
        ) { call in
            try await send(
                ActivateMapping(mapping: call.path["name"] ?? "", revision: call.json["revision"]?.number),
                call
            )
        }
    }

    private func send<Sent: Command>(_ command: Sent, _ call: Call, reason: String? = nil) async throws -> Answer {
        try await writing.send(
            command,
            call,
            expecting: try StreamTag.expectation(InputMappings.stream, call, isNeeded: true),
            reason: reason,
            read: Self.path
        )
    }
}

extension ControlHome {
    /// The mappings and the version of their stream, by the log itself.
    fileprivate func inputMappings() throws -> (state: InputMappings, version: UInt64) {
        let (state, versions) = try commands.folded(ActivateMapping(mapping: InputMappings.builtIn))
        return (state, versions[InputMappings.stream] ?? 0)
    }
}
