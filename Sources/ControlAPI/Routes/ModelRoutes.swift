internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ModelFolders
internal import ModelIntake
internal import ReadModels
internal import RoutingDomain
internal import Serving
internal import Synchronization

/// Model versions: look at, compare, register what was staged, activate.
struct ModelRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    static let versionText = Schema.string(min: 12, max: 17, pattern: "[0-9]{4}[.][0-9]{2}[.][0-9]{2}_[1-9][0-9]{0,5}")
    static let version = Parameter("version", versionText, "The version, YYYY.MM.DD_build.")

    var all: [Route] { [list, show, compare, register, activate] }

    private var list: Route {
        Listing<ModelListing>.route(
            "/api/v1/models",
            "The registered versions, newest first",
            home,
            filters: [
                Parameter(
                    "search",
                    .string(min: 1, max: 200),
                    "Only those whose version, notes or source hold these words."
                )
            ],
            after: Self.versionText,
            takesMoment: true
        ) { db, request in
            let rows = try Models.list(
                db,
                search: request.values["search"],
                after: request.after,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit, key: \.version)
        }
    }

    private var show: Route {
        Route.one(
            "/api/v1/models/{version}",
            "One version, with what is known of it",
            home,
            of: ModelDetail.self,
            path: [Self.version],
            people: ["registered_by", "activated_by"]
        ) { db, call in
            try Models.show(db, version: call.path["version"] ?? "")
        }
    }

    private static let comparison = Schema.object([
        Schema.Member("left", versionText, "One version."),
        Schema.Member("right", versionText, "The other."),
        Schema.Member(
            "scopes_only_left",
            .array(.string(max: 100), max: 100),
            "Change scopes that only the left one tells."
        ),
        Schema.Member(
            "scopes_only_right",
            .array(.string(max: 100), max: 100),
            "Change scopes that only the right one tells."
        ),
        Schema.Member("scopes_of_both", .array(.string(max: 100), max: 100), "Change scopes that both tell."),
        Schema.Member("facts", ChangeShapes.values, "Facts that differ, by dotted name."),
    ])

    private var compare: Route {
        Route(
            .get,
            "/api/v1/models/compare",
            "What differs between two versions",
            access: .requires(.read),
            query: [
                Parameter("left", Self.versionText, "One version.", isRequired: true),
                Parameter("right", Self.versionText, "The other.", isRequired: true),
                Reading.minimum, Reading.at,
            ],
            answers: [AnswerRule(200, "The differences.", Self.comparison)],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let (left, right) = (call.query["left"] ?? "", call.query["right"] ?? "")
            let source = try await Reading(home: home).source(of: call)
            let found = try await source.read { db in
                guard let comparison = try Models.compare(db, left, right) else {
                    throw ActivateModel.unknown(try Models.show(db, version: left) == nil ? left : right)
                }
                return comparison
            }
            return .json(found.json)
        }
    }

    private var register: Route {
        Route.write(
            .post,
            "/api/v1/models/{version}/register",
            "Register the files that were sent for a version",
            details:
                "The files are checked, copied to models/ and named by a manifest whose digest stands in the event; the version is "
                + "not active by that. Takes about two seconds per gigabyte. What was staged goes when the event is on disk.",
            access: .requires(.train),
            path: [Self.version],
            body: [
                Schema.Member(
                    "roles",
                    .map(.choice(FileRole.allCases.map(\.rawValue)), max: StagingArea.mostFiles),
                    "What a file is, where its name does not tell.",
                    isOptional: true
                ),
                Schema.Member(
                    "change_scopes",
                    .array(.choice(ChangeScope.texts), max: ChangeScope.texts.count),
                    "What changed; else as the metadata tells.",
                    isOptional: true
                ),
                Schema.Member("notes", .string(min: 1, max: 2_000), "Notes for the registry.", isOptional: true),
                Writing.optionalReason,
            ],
            problems: ["busy", "storage.full", "model.altered"]
        ) { call in
            try await register(call)
        }
    }

    private func register(_ call: Call) async throws -> Answer {
        let version = try ModelVersion.checked(call.path["version"] ?? "")
        let read = "/api/v1/models/\(version)"
        let sender = try writing.sender(call, reason: call.json["reason"]?.text)
        let roles = call.json["roles"]?.members?.compactMapValues { $0.text.flatMap(FileRole.init(rawValue:)) } ?? [:]
        let scopes = (call.json["change_scopes"]?.elements ?? []).compactMap(\.text)
        let notes = call.json["notes"]?.text
        let asked = Registration.asked(version, roles: roles, scopes: scopes, notes: notes)
        let (store, commands, key) = (home.models, home.commands, call.headers["idempotency-key"])
        let isDry = call.query["dry_run"] == "true"
        if !isDry, let earlier = try commands.earlier(asked, by: sender, idempotencyKey: key) {
            return .json(try await writing.json(earlier, call, read: read))
        }
        _ = try store.requireFree(version.description)
        let claim = try store.staging.close(version)
        let (registration, command) = try await home.blocking {
            let registration = try store.registration(
                of: version,
                roles: roles,
                scopes: scopes,
                notes: notes,
                under: claim
            )
            let decision = try registration.decided(by: sender)
            return (registration, isDry ? decision.command : try registration.takeIn(decision))
        }
        let answer = try await writing.send(command, call, asAsked: try asked.canonicalBytes(), read: read)
        // The event is on disk: what stays behind here is room that a later discard gives back.
        if !isDry { _ = try? await home.blocking { try store.staging.discard(version, under: claim) } }
        withExtendedLifetime(registration) {}
        return answer
    }

    private var activate: Route {
        Route.write(
            .post,
            "/api/v1/models/{version}/activate",
            "Make a registered version the active one",
            details:
                "This is signed. Before the event is appended the version passes its gates in a process of its own: every file is read "
                + "and compared with what was registered, the model is loaded, asked, and held against the floors of the runtime config; "
                + "`gates` in the answer tells each. A gate of quality that failed can be overridden by somebody who may approve, or under "
                + "an approval; checksums and load never. How the workers follow stands in /api/v1/activation.",
            access: .requires(.operate),
            path: [Self.version],
            headers: [StreamTag.ifMatch],
            body: [
                Schema.Member(
                    "external",
                    .boolean,
                    "Another service answers with it: no inference worker of this home has to be able to.",
                    isOptional: true
                ),
                Schema.Member(
                    "override_gates",
                    .array(.choice(ActivationGate.texts), max: ActivationGate.texts.count),
                    "The gates that failed and are overridden.",
                    isOptional: true
                ),
                Schema.Member(
                    "override_reason",
                    .string(min: 1, max: 2_000),
                    "Why they are; it stays in the audit trail.",
                    isOptional: true
                ),
                Writing.reason, Writing.password,
            ],
            isGated: true,
            problems: [
                "precondition.stale", "auth.password", "auth.throttled", "busy", "model.altered", "model.gate",
            ]
        ) { call in
            let version = call.path["version"] ?? ""
            let overriding = (call.json["override_gates"]?.elements ?? []).compactMap(\.text)
            let isExternal = call.json["external"] == .bool(true)
            let found = GateFindings()
            return try await writing.send(
                ActivateModel(
                    version: version,
                    isExternal: isExternal,
                    overriddenGates: overriding,
                    overrideReason: call.json["override_reason"]?.text
                ),
                call,
                expecting: try StreamTag.expectation(ActivationState.stream, call),
                isSigned: true,
                read: "/api/v1/activation",
                check: {
                    let report = try await home.requireGates(version, overriding: overriding, isExternal: isExternal)
                    found.keep(report)
                },
                adding: { found.members }
            )
        }
    }
}

/// What the gates found, on its way from the check to the answer.
final class GateFindings: Sendable {
    private let report = Mutex<GateReport?>(nil)

    func keep(_ found: GateReport) { report.withLock { $0 = found } }

    var members: [String: JSONValue] {
        guard let report = report.withLock(\.self) else { return [:] }
        return ["gates": .array(report.findings.map(\.json))]
    }

    /// The shape of one.
    static let shape = Schema.named(
        "GateFinding",
        .object([
            Schema.Member("gate", .choice(ActivationGate.texts), "The gate."),
            Schema.Member("state", .choice(GateFinding.State.texts), "What came of it."),
            Schema.Member("actual", .string(max: 1_000), "What was found, in the gate's own unit.", isOptional: true),
            Schema.Member("limit", .string(max: 1_000), "What it is held against.", isOptional: true),
            Schema.Member("reason", .string(max: 100_000), "One sentence."),
        ])
    )
}

/// How differing values look in answers.
enum ChangeShapes {
    static let values = Schema.array(
        .object([
            Schema.Member("field", .string(max: 1_000), "The dotted name."),
            Schema.Member("old", .any, "Before, or on the left; absent where there was none.", isOptional: true),
            Schema.Member("new", .any, "After, or on the right; absent where there is none.", isOptional: true),
        ]),
        max: 100_000
    )
}

extension ControlHome {
    /// Reads every file of a registered version; throws a problem that names each one that is not as registered.
    func requireIntact(_ version: String) async throws {
        let store = models
        let problems = try await blocking { try store.registered(version).problems() }
        guard !problems.isEmpty else { return }
        throw Problem(
            ControlProblems.altered,
            "\(version) is not as registered: \(problems.prefix(20).map(\.description).joined(separator: "; ")).",
            facts: ["problems": .array(problems.map { .string($0.description) })]
        )
    }
}
