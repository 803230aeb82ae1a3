import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The command line beside a running server: one set of rules, one history.
@Suite("Commands through the server")
struct ServedCommandTests {
    /// Every kind of write that goes through the catalogue, refusals among them, in an order in which each has what it needs.
    static let walk: [[String]] = [
        ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "recall – größer"],
        ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "again"],
        ["config", "patch", "runtime", #"{"ef_search": 9999}"#, "--reason", "too much"],
        ["config", "patch", "runtime", #"{"ef_search": 210}"#],
        [
            "config", "patch", "runtime", #"{"confidence_gates": {"accept": 0.9}}"#, "--reason", "gates", "--expect",
            "config-runtime@99",
        ],
        ["config", "patch", "trainer", #"{"no_such": 1}"#, "--reason", "unknown"],
        ["config", "patch", "runtime", #"{"ef_search": 220}"#, "--reason", "once", "--key", "a key of ours"],
        ["config", "patch", "runtime", #"{"ef_search": 220}"#, "--reason", "once", "--key", "a key of ours"],
        ["config", "patch", "runtime", #"{"ef_search": 221}"#, "--reason", "once", "--key", "a key of ours"],
        ["config", "patch", "runtime", #"{"ef_search": 64}"#, "--reason", "for a while", "--for", "8h"],
        ["config", "undo", "runtime", "1", "--reason", "wrong position"],
        ["config", "restore", "runtime", "5", "--reason", "as it was"],
        ["snapshot", "create", "good", "--at", "4", "--reason", "known good"],
        ["snapshot", "create", "good", "--at", "4", "--reason", "known good"],
        ["sprint", "open", "w0", "First wave", "--kind", "wave"],
        ["task", "open", "Check the index", "--id", "t-index", "--sprint", "w0"],
        ["task", "open", "Check the index", "--id", "t-index"],
        ["task", "log", "t-index", "--directive", "measure", "--response", "done", "--remaining", "2"],
        [
            "task", "log", "t-index", "--directive", "measure", "--response", "done twice", "--remaining", "0",
            "--corrects", "1",
            "--reason", "misread",
        ],
        ["task", "log", "t-none", "--directive", "measure", "--response", "done", "--remaining", "2"],
        ["approval", "request", "close wave 0", "--for", "sprint-w0", "--id", "a-w0"],
        ["approval", "grant", "a-w0", "--reason", "me"],
        ["approval", "grant", "a-w0", "--as", "Kim", "--reason", "looked at it"],
        ["approval", "request", "another", "--for", "sprint-w0", "--id", "a-w1"],
        ["approval", "withdraw", "a-w1", "--reason", "no need"],
        ["task", "close", "t-index"],
        ["sprint", "close", "w0", "--approval", "a-w0"],
        ["retention", "set", "exports", "--years", "7", "--reason", "contract"],
        ["hold", "place", "audit", "1-3", "--reason", "asked for"],
        ["hold", "place", "people", "Kim", "--reason", "asked for"],
        ["hold", "release", "audit", "--reason", "done"],
        ["hold", "release", "nothing", "--reason", "done"],
        ["clock", "zone", "Europe/Berlin", "--reason", "moved"],
        ["snapshot", "restore", "good", "--reason", "back", "--yes"],
        ["snapshot", "restore", "good", "--reason", "back", "--yes"],
    ]

    @Test(
        "Every command of the catalogue has the same result and the same events with and without a server, save the door"
    )
    func same() async throws {
        let (alone, beside) = (try await TestHome.make(), try await TestHome.make())
        let version = Sample.versions[0]
        for home in [alone, beside] { try await home.succeed(["person", "add", "Kim"]) }
        let served = try await ServedHome.start(beside)
        let models: [[String]] = [
            ["model", "register", "GIVEN"], ["model", "register", "GIVEN"],
            ["model", "activate", version, "--reason", "into service"],
            ["model", "activate", version, "--reason", "again"],
            ["model", "activate", "2001.01.01_1", "--reason", "unknown"],
            ["model", "rollback", "--reason", "none", "--yes"],
        ]
        for words in Self.walk + models {
            let outcomes = try await [alone, beside].asyncMap { home in
                let given = "\(home.folder.path)/given/\(version)"
                if words.contains("GIVEN"), !FileManager.default.fileExists(atPath: given) {
                    _ = try Sample.copy(version, into: home.folder.path("given"))
                }
                return try await home.run(words.map { $0 == "GIVEN" ? given : $0 } + ["--json"])
            }
            let (first, second) = (Self.plain(outcomes[0], alone), Self.plain(outcomes[1], beside))
            #expect(first == second, "daybook \(words.joined(separator: " "))")
        }
        let (left, right) = (try await events(alone), try await events(beside))
        // The server's own start is in its log and not in the other.
        #expect(left.map(\.facts) == right.map(\.facts))
        #expect(left.allSatisfy { $0.auth == "local-uid/cli" })
        #expect(right.allSatisfy { $0.auth == "local-uid/socket" })
        #expect(left.count > 20)
        #expect(try await served.stop().exit == 0)
        try await beside.succeed(["verify"])
    }

    private struct Told: Sendable {
        let auth: String
        let facts: JSONValue
    }

    /// The events of people's commands after `person add`, without what two homes never have in common.
    private func events(_ home: TestHome) async throws -> [Told] {
        let kinds = [
            "config.", "snapshot.", "sprint.", "task.", "approval.", "retention.", "legal_hold.", "system.time",
            "model.",
        ]
        return try await home.events().compactMap { event in
            guard let type = event["type"]?.text, kinds.contains(where: type.hasPrefix), var members = event.members,
                event["actor_name"]?.text != "system", let auth = event["auth"]?.text, auth.hasPrefix("local-uid")
            else { return nil }
            guard (event["position"]?.number ?? 0) > 5, event["reason"]?.text != "defaults" else { return nil }
            for name in [
                "position", "event_id", "recorded_at", "command", "actor", "auth", "request_id", "correlation", "leaf",
                "clock",
                "causation",
            ] { members[name] = nil }
            var payload = members["payload"]?.members ?? [:]
            // Pseudonyms, positions and moments are each home's own.
            for name in [
                "at_checkpoint", "subject", "kept_position", "expires_at", "manifest_sha256", "signature_sha256",
                "facts",
                "restored_checkpoint",
                "corrects_position", "reverts_position", "changes", "to_position", "claimed_at",
            ] { payload[name] = nil }
            members["payload"] = .object(payload)
            members["summary"] = nil
            return Told(auth: auth, facts: .object(members))
        }
    }

    private static func plain(_ outcome: Outcome, _ home: TestHome) -> [String] {
        func clean(_ text: String) -> String {
            text.replacing(home.folder.path, with: "HOME").replacing(/[0-9a-f]{64}/, with: "DIGEST")
                .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/, with: "MOMENT")
                .replacing(
                    /("[a-z_]*position"|position|"at_checkpoint"|expected|"actual"|version): ?[0-9]+/,
                    with: "PLACE"
                )
                .replacing(/(position|at version|activation at) [0-9]+/, with: "PLACE")
        }
        return ["\(outcome.exit)", clean(outcome.output), clean(outcome.errors)]
    }

    @Test("A killed server is gone for the next command; a stopped one answers nothing, and the command says so")
    func killed() async throws {
        let home = try await TestHome.make()
        let first = try await ServedHome.start(home)
        try await home.succeed(["sprint", "open", "one", "Through the server"])
        first.server.kill()
        _ = first.server.result()
        try await home.succeed(["sprint", "open", "two", "Without one"])
        let second = try await ServedHome.start(home)
        try await home.succeed(["sprint", "open", "three", "Through the next"])
        second.server.kill(SIGSTOP)
        let hanging = try await home.run(
            ["sprint", "open", "four", "Nobody answers"],
            environment: ["DAYBOOK_PATIENCE": "1"]
        )
        #expect(hanging.exit == 75 && hanging.errors.contains("is not known"), "\(hanging)")
        second.server.kill(SIGCONT)
        let doors = try await home.events().filter { $0["type"]?.text == "sprint.opened" }
        #expect(doors.prefix(3).map { $0["auth"]?.text } == ["local-uid/socket", "local-uid/cli", "local-uid/socket"])
        #expect(doors.count <= 4)
        #expect(try await second.stop().exit == 0)
    }

    @Test("A server without a socket is never passed by in silence; --console passes it and says so in the event")
    func console() async throws {
        let home = try await TestHome.make()
        let alone = try await home.run(["sprint", "open", "w0", "No server", "--console"])
        #expect(alone.exit == 0 && alone.errors.contains("--console changes nothing"), "\(alone)")
        try Data("server:\n  socket: false\n".utf8).write(to: URL(filePath: "\(home.path)/config/daybook.yaml"))
        let served = try await ServedHome.start(home)
        let size = try await home.events().count
        let refused = try await home.run(["sprint", "open", "w1", "Past it?"])
        #expect(refused.exit == 75 && refused.errors.contains("--console"), "\(refused)")
        #expect(try await home.events().count == size)
        try await home.succeed(["sprint", "open", "w1", "Past it", "--console"])
        try await home.succeed(["person", "add", "Kim"])
        let events = try await home.events().filter { ["sprint.opened", "person.added"].contains($0["type"]?.text) }
        #expect(events.suffix(2).allSatisfy { $0["auth"]?.text == "local-uid/console" }, "\(events)")
        #expect(try await served.stop().exit == 0)
    }

    @Test("A request for an approval goes through the server too, and is no console work")
    func requestedApproval() async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home)
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x", "--request-approval"]
        try await home.succeed(patch)
        let requested = try await home.events().filter { $0["type"]?.text == "approval.requested" }
        #expect(requested.map { $0["auth"]?.text } == ["local-uid/socket"])
        #expect(try await home.json(["changes", "list", "--console"]).elements?.isEmpty == true)
        #expect(try await served.stop().exit == 0)
    }

    @Test("A second server of a home is refused at once and names the first")
    func second() async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home)
        let other = try await home.run(["serve", "--port", "0", "--insecure-http"])
        #expect(other.exit == 75 && other.errors.contains(served.server.identifier), "\(other)")
        try await home.succeed(["sprint", "open", "w0", "The first goes on"])
        #expect(try await served.stop().exit == 0)
    }

    @Test("A server that starts while another process projects serves its rows, and takes over when that one ends")
    func projectorFirst() async throws {
        let home = try await TestHome.make()
        func project() throws -> Child {
            try Child(
                ["\(Program.folder)/daybook", "projections", "run"],
                environment: Program.environment(["DAYBOOK_HOME": home.path])
            )
        }
        var other = try project()
        // Until it has the lock, a check gets it, and may be what it meets.
        while try await home.run(["projections", "check"]).exit == 0 {
            guard other.isGone(within: 100) else { continue }
            _ = other.result()
            other = try project()
        }
        let projecting = other
        let served = try await ServedHome.start(home)
        func patch(_ value: Int) async throws {
            try await home.succeed(["config", "patch", "runtime", "{\"ef_search\": \(value)}", "--reason", "r"])
            let position = try await home.events().count - 1
            let read = try await served.send("GET", "/api/v1/config/runtime?min_position=\(position)")
            #expect(read.status == 200 && read.text.contains("\(value)"), "\(read.text)")
        }
        try await patch(200)
        #expect(try await home.run(["projections", "check"]).errors.contains(other.identifier))
        other.kill(SIGTERM)
        _ = try await onThread { projecting.result() }
        try await patch(201)
        let beside = try await home.run(["projections", "check"])
        #expect(beside.exit == 75 && beside.errors.contains(served.server.identifier), "\(beside)")
        #expect(try await served.stop().exit == 0)
    }
}
