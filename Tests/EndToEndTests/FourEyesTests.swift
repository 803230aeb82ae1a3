import CanonicalJSON
import Foundation
import Testing

@Suite("Four eyes on the command line")
struct FourEyesTests {
    @Test(
        "A rule switched on stops an activation until somebody asks and another person signs, which the console cannot"
    )
    func activation() async throws {
        let home = try await TestHome.withActiveModels()
        try await home.succeed(["person", "add", "Kim"])
        let rules = try await home.json(["approval", "rule", "list"]).elements ?? []
        #expect(rules.count == 5 && rules.allSatisfy { $0["is_required"]?.truth == false })
        try await home.refuses(
            ["approval", "rule", "set", "activation", "on"],
            exit: 65,
            naming: ["--reason"]
        )
        let reason = ["--reason", "two of us"]
        try await home.succeed(["approval", "rule", "set", "activation", "on", "--valid-hours", "24"] + reason)
        let listed = try await home.succeed(["approval", "rule", "list"])
        #expect(listed.output.contains("another person") && listed.output.contains("24 h"))

        let version = Sample.versions[0]
        let activate = ["model", "activate", version] + reason
        try await home.refuses(activate, exit: 77, naming: ["activation", version, "--request-approval"])
        let asked = try await home.json(activate + ["--request-approval"])
        let approval = try #require(asked["approval"]?.text)
        #expect(asked["target"]?.text == version && asked["expires_at"]?.text != nil)
        let use = activate + ["--approval", approval]
        try await home.refuses(use, exit: 77, naming: ["waiting"])
        try await home.refuses(use + ["--request-approval"], exit: 64, naming: ["--approval"])
        try await home.refuses(
            ["approval", "grant", approval, "--as", "Kim", "--reason", "fine"],
            exit: 77,
            naming: ["password"]
        )
        try await home.refuses(["approval", "grant", approval, "--reason", "fine"], exit: 77, naming: ["requested"])
        let waiting = try await home.succeed(["approval", "list"])
        #expect(waiting.output.contains("activation: \(version)"))
        try await home.refuses(
            ["model", "activate", "2020.01.01_1", "--request-approval"] + reason,
            exit: 65,
            naming: ["not registered"]
        )
        try await home.succeed(["approval", "withdraw", approval, "--reason", "not today"])
        try await home.refuses(use, exit: 77, naming: ["withdrawn"])
        try await home.succeed(["verify"])
    }

    @Test("Going back waits for nobody, is marked, and is open until another person has reviewed it")
    func emergencies() async throws {
        let home = try await TestHome.withActiveModels()
        try await home.succeed(["person", "add", "Kim"])
        let reason = ["--reason", "why not"]
        let one = try await home.json(["config", "patch", "runtime", #"{"ef_search": 200}"#] + reason)
        let first = try #require(one["position"]?.number)
        for action in ["activation", "config-runtime", "restore"] {
            try await home.succeed(["approval", "rule", "set", action, "on"] + reason)
        }
        try await home.refuses(
            ["config", "patch", "runtime", #"{"top_k": 30}"#] + reason,
            exit: 77,
            naming: [#"{"top_k":30}"#]
        )
        try await home.refuses(
            ["snapshot", "restore", "\(first - 1)", "--yes"] + reason,
            exit: 77,
            naming: ["restore"]
        )
        let dry = try await home.json(["snapshot", "restore", "\(first - 1)", "--dry-run"])
        #expect(dry["changes"]?.elements?.isEmpty == false, "looking needs no approval")
        let undone = try await home.json(["config", "undo", "runtime", "\(first)"] + reason)
        #expect(undone["is_emergency"]?.truth == true)
        let back = try await home.json(["model", "rollback", "--yes"] + reason)
        #expect(back["is_emergency"]?.truth == true)
        let open = try await home.json(["changes", "--emergency", "--open"]).elements ?? []
        #expect(open.compactMap { $0["change_position"]?.number }.count == 2)
        let status = try await home.json(["status"])
        #expect(status["changes_to_review"]?.number == 5, "two emergencies and three rules")

        let place = try #require(back["position"]?.number)
        try await home.refuses(["changes", "review", "\(place)"] + reason, exit: 77, naming: ["cannot review"])
        try await home.refuses(["changes", "review", "\(place)", "--as", "Kim"], exit: 65, naming: ["--reason"])
        try await home.refuses(["changes", "review", "999999", "--as", "Kim"] + reason, exit: 65, naming: ["999999"])
        let seen = try await home.json(["changes", "review", "\(place)", "--as", "Kim", "--reason", "right to go back"])
        #expect(seen["stream"]?.text == "activation")
        try await home.refuses(
            ["changes", "review", "\(place)", "--as", "Kim"] + reason,
            exit: 65,
            naming: ["already"]
        )
        let left = try await home.json(["changes", "--emergency", "--open"]).elements ?? []
        #expect(left.compactMap { $0["change_position"]?.number } == [undone["position"]?.number])
        let before = try await home.json(["changes", "--emergency", "--open", "--at", "\(place)"]).elements ?? []
        #expect(before.count == 2, "what was open then")
        let text = try await home.succeed(["changes"])
        #expect(text.output.contains("reviewed by Kim") && text.output.contains("rule"))
        #expect(try home.contents("config/runtime_config.json").contains("128"))
        try await home.succeed(["verify"])
    }

    @Test("A redaction that needs an approval waits for another person's password, and that grant serves once")
    func redaction() async throws {
        let home = try await TestHome.make()
        let why = ["--reason", "asked for"]
        let places = try await [1, 2].asyncMap { number in
            let task = ["task", "open", "Zxoque \(number)", "--id", "t\(number)", "--reason", "by Zxoque"]
            return try #require(try await home.json(task)["position"]?.number)
        }
        func redact(_ place: Int, _ fields: String) -> [String] {
            ["redact", "\(place)", "--fields", fields, "--basis", "article 17"] + why
        }
        let deed = redact(places[0], "reason")
        let first = try await ServedHome.start(home)
        let kim: [String: JSONValue] = ["address": "kim@plant.example", "password": "correct horse battery"]
        let person = JSONValue.object(kim.merging(["name": "Kim"]) { $1 })
        #expect(try await first.send("POST", "/api/v1/auth/signup", person).status == 202)
        try await home.succeed(["user", "approve", "kim@plant.example", "--role", "approver"])
        try await home.succeed(["approval", "rule", "set", "erasure", "on"] + why)
        let asked = try await home.json(deed + ["--request-approval"])
        let approval = try #require(asked["approval"]?.text)
        #expect(asked["target"]?.text == "words of \(places[0]) (reason)")
        #expect(try await first.stop().exit == 0)
        let requested = try await home.events().filter { $0["type"]?.text == "approval.requested" }
        #expect(requested.map { $0["auth"]?.text } == ["local-uid/socket"], "asked of the server, past nobody")

        let use = ["--approval", approval]
        try await home.refuses(deed, exit: 77, naming: ["erasure", "--request-approval"])
        try await home.refuses(deed + use, exit: 77, naming: [approval, "waiting"])
        #expect(try await home.events()[places[0]]["reason"]?.text == "by Zxoque")

        let second = try await ServedHome.start(home)
        let login = try await second.send("POST", "/api/v1/auth/login", .object(kim.merging(["token": true]) { $1 }))
        let token = try #require(login.json["token"]?.text, "\(login.text)")
        let grant = "/api/v1/approvals/\(approval)/grant"
        var signature: [String: JSONValue] = ["meaning": "seen, and it must go", "password": "a wrong one"]
        #expect(try await second.send("POST", grant, .object(signature), token: token).status == 403)
        #expect(try await second.send("POST", grant, ["meaning": "seen"]).status == 403, "the console signs nothing")
        signature["password"] = kim["password"]
        let granted = try await second.send("POST", grant, .object(signature), token: token)
        #expect(granted.status == 200, "\(granted.text)")
        let shown = try await second.send(
            "GET",
            "/api/v1/approvals/\(approval)?min_position=\(granted.json["position"]?.number ?? 0)"
        )
        #expect(
            shown.json["item"]?["decided_auth"] == "password/http"
                && shown.json["item"]?["meaning"] == signature["meaning"]
        )
        #expect(try await second.stop().exit == 0)
        let list = try await home.succeed(["approval", "list"]).output
        #expect(list.contains("http, signed") && list.contains("seen, and it must go"), "\(list)")

        try await home.refuses(redact(places[1], "reason") + use, exit: 77, naming: ["is for", "\(places[1])"])
        try await home.refuses(redact(places[0], "title") + use, exit: 77, naming: ["is for", "title"])
        try await home.succeed(deed + use)
        #expect(try await home.events()[places[0]]["reason"]?.text == "[redacted]")
        try await home.refuses(deed + use, exit: 65, naming: ["redacted already"])
        try await home.refuses(redact(places[0], "title") + use, exit: 77, naming: ["is for"])
        let used = try await home.events().filter { $0["type"]?.text == "approval.used" }
        #expect(used.count == 1)
        let rows = try await home.json(["approval", "list"]).elements
        #expect(rows?.first?["used_position"] == used.first?["position"])
        try await home.succeed(["verify"])
    }

    @Test("The lists of changes and the logbook tell by which door somebody came, and who has signed")
    func doors() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Kim"])
        let why = ["--reason", "two of us"]
        let served = try await ServedHome.start(home)
        try await home.succeed(["approval", "request", "the wave is done", "--for", "sprint-w0", "--id", "a-w0"] + why)
        try await home.succeed(["approval", "grant", "a-w0", "--as", "Kim", "--meaning", "read it"] + why)
        let rule = try await home.json(["approval", "rule", "set", "activation", "on", "--console"] + why)
        let place = try #require(rule["position"]?.number)
        try await home.succeed(["changes", "review", "\(place)", "--as", "Kim"] + why)
        let listed = try await home.json(["changes", "--rules"]).elements?.first
        #expect(
            listed?["auth"] == "local-uid/console" && listed?["closed_auth"] == "local-uid/socket",
            "\(listed ?? .null)"
        )
        let text = try await home.succeed(["changes", "--rules"]).output
        #expect(text.contains("console") && text.contains("reviewed by Kim (socket)"), "\(text)")
        let entries = try await served.send("GET", "/api/v1/logbook?kind=approval").json["items"]?.elements ?? []
        let said = "read it: approval a-w0 for sprint-w0 granted; not signed (local-uid/socket)"
        #expect(entries.last?["response"]?.text == said, "\(entries)")
        #expect(try await served.stop().exit == 0)
    }
}
