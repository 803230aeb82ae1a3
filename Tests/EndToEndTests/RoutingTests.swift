import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@Suite("Saved routings with the program", .timeLimit(.minutes(15)))
struct RoutingTests {
    private static let proposal: JSONValue = [
        "version": "2026.01.12_1",
        "proposals": [
            [
                "item": .null, "verdict": "review", "confidence": .decimal("0.6123"),
                "operations": [
                    [
                        "sequence": 10, "operation": "TURN", "name": "Turning", "work_centres": "LATHE", "share": 1,
                        "setup_minutes": ["expected": .decimal("30.100"), "low": 1, "high": 2],
                        "run_minutes": ["expected": .decimal("4.250"), "low": 1, "high": 9],
                    ],
                    [
                        "sequence": 20, "operation": "WASH", "name": "WASH", "work_centres": "BATH", "share": 1,
                        "setup_minutes": .null, "run_minutes": .null,
                    ],
                ],
                "alternatives": [["origin": "neighbours", "share": 1, "operations": ["DEBURR", "TURN", "PACK"]]],
                "other_operations": [
                    [
                        "operation": "DEBURR", "name": "Deburring", "work_centres": "BENCH", "setup_minutes": .null,
                        "run_minutes": ["expected": .decimal("0.750"), "low": 0, "high": 2],
                    ]
                ],
                "neighbours": [["item": "A-99", "distance": .decimal("0.0123"), "weight": .decimal("1.0000")]],
            ]
        ],
    ]

    private static func write(_ document: JSONValue, _ home: TestHome) throws -> String {
        let path = home.folder.path("document.json")
        try Data(document.prettyText.utf8).write(to: URL(filePath: path))
        return path
    }

    @Test(
        "A proposal is saved, shown, edited and withdrawn, with a server and without one, and comes again out of the log"
    )
    func wholeWay() async throws {
        let home = try await TestHome.make()
        let file = try Self.write(Self.proposal, home)
        let save = ["routing", "save", file, "--item", "A-100", "--reason", "the new shaft"]
        let id = try #require(try await home.json(save)["routing"]?.text)
        let shown = try await home.json(["routing", "show", id])
        let operations: JSONValue = [
            [
                "operation": "TURN", "name": "Turning", "sequence": 10, "work_centres": "LATHE",
                "setup_minutes": "30.100", "run_minutes": "4.250",
            ],
            ["operation": "WASH", "name": "WASH", "sequence": 20, "work_centres": "BATH"],
        ]
        #expect(shown["routing"]?["operations"] == operations, "\(shown.prettyText)")
        #expect(shown["routing"]?["evidence"]?["similar"]?.elements?.first?["distance"] == "0.0123")
        let other = try await home.json(save + ["--alternative", "2"])
        let alternative = try await home.json(["routing", "show", try #require(other["routing"]?.text)])
        let chosen: JSONValue = [
            [
                "operation": "DEBURR", "name": "Deburring", "sequence": 10, "work_centres": "BENCH",
                "run_minutes": "0.750",
            ],
            [
                "operation": "TURN", "name": "Turning", "sequence": 20, "work_centres": "LATHE",
                "setup_minutes": "30.100", "run_minutes": "4.250",
            ],
            // Nothing else is told of it.
            ["operation": "PACK", "sequence": 30],
        ]
        #expect(alternative["routing"]?["operations"] == chosen, "\(alternative.prettyText)")

        // What was shown is edited and saved again, through a server: the same rules, its door.
        let served = try await ServedHome.start(home)
        let edited = shown.prettyText.replacing("\"4.250\"", with: "\"5\"")
        let revise = ["routing", "save", "-", "--revises", String(id.prefix(8)), "--reason", "measured"]
        let expecting = ["--expect", "routing-\(id)@1"]
        #expect(try await home.run(revise + expecting, input: edited).exit == 0)
        let late = try await home.run(revise + expecting, input: edited)
        #expect(late.exit == 75 && late.errors.contains("at version 2"), "\(late)")
        let text = try await home.succeed(["routing", "show", id]).output
        #expect(text.contains("TURN Turning") && text.contains("5.000") && text.contains("edited"), "\(text)")
        #expect(try await home.json(["routing", "show", id, "--as-of", "now"])["routing"]?["revision"] == 2)
        #expect(try await home.json(["routing", "list", "--item", "A-100"])["items"]?.elements?.count == 2)
        try await home.succeed(["routing", "withdraw", id, "--reason", "another plant"])
        let doors = try await home.events().filter { $0["type"]?.text?.hasPrefix("routing.") == true }
        #expect(doors.compactMap { $0["auth"]?.text?.hasSuffix("/socket") } == [false, false, true, true])
        #expect(try await served.stop().exit == 0)
        #expect(try await home.sql("SELECT count(*) FROM audit_trail WHERE type LIKE 'routing.%'") == "4")

        for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
            try? FileManager.default.removeItem(atPath: "\(home.path)/data/\(name)")
        }
        let again = try await home.json(["routing", "show", id])
        #expect(again["routing"]?["status"] == "withdrawn" && again["revisions"]?.elements?.count == 2)
        try await home.succeed(["verify"])
    }

    @Test("What is no routing is refused in one line and changes nothing")
    func refused() async throws {
        let home = try await TestHome.make()
        let proposal = try Self.write(Self.proposal, home)
        let save = ["routing", "save"]
        let why = ["--reason", "x"]
        try await home.refuses(save + [proposal] + why, exit: 64, naming: ["--item"])
        try await home.refuses(save + [proposal, "--item", "A"], exit: 65, naming: ["reason"])
        try await home.refuses(
            save + [proposal, "--item", "A", "--alternative", "3"] + why,
            exit: 65,
            naming: ["2 to 2"]
        )
        try await home.refuses(save + [proposal, "--item", "A", "--part", "2"] + why, exit: 65, naming: ["1 to 1"])
        for (text, words) in [
            ("", "not JSON"), ("[]", "document"), (#"{"item": "A", "operations": []}"#, "1 to 100"),
            (#"{"item": "A", "operations": [{"operation": "X", "sequence": 1, "run_minutes": -1}]}"#, "run_minutes"),
            (#"{"item": "A", "operations": [{"operation": "X", "sequence": 1, "speed": 1}]}"#, "speed"),
            (#"{"item": "A", "operation": []}"#, "operation"), (#"{"item": 5, "operations": []}"#, "item"),
            (#"{"item": "A", "source": "guess", "operations": []}"#, "guess"),
        ] {
            try await home.refuses(save + ["-"] + why, exit: 65, naming: [words], input: text)
        }
        try await home.refuses(save + [home.folder.path("none.json")] + why, exit: 65, naming: ["none.json"])
        try await home.refuses(["routing", "show", "2222"], exit: 65, naming: ["2222"])
        try await home.refuses(["routing", "withdraw", "2222"] + why, exit: 65, naming: ["2222"])
        let unknown = "22222222-2222-4222-8222-222222222222"
        try await home.refuses(["routing", "withdraw", unknown] + why, exit: 65, naming: [unknown])
    }
}
