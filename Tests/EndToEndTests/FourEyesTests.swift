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
}
