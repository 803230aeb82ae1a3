import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@Suite("Numbers, request log and the file for a SIEM of the real server", .timeLimit(.minutes(10)))
struct ObservationTests {
    private static func lines(_ home: TestHome, _ name: String = "requests.jsonl") throws -> [String] {
        let text = (try? String(contentsOfFile: "\(home.path)/logs/\(name)", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private static func requests(_ home: TestHome) async throws -> Int {
        let shown = try await home.succeed(["metrics", "show", "--name", "requests", "--step", "60", "--json"])
        return (try JSONReader.plain(shown.output)["points"]?.elements ?? []).reduce(0) {
            $0 + ($1["value"]?.number ?? 0)
        }
    }

    @Test(
        "What was counted before a restart is there after it and adds up with the request log; a kill costs the running minute"
    )
    func restart() async throws {
        let home = try await TestHome.make()
        let first = try await ServedHome.start(home)
        for _ in 0..<7 { _ = try await first.send("GET", "/api/v1/models") }
        #expect(try await first.stop().exit == 0)
        let before = try Self.lines(home).count
        #expect(before == 7)
        #expect(try await Self.requests(home) == before)
        let second = try await ServedHome.start(home)
        for _ in 0..<5 { _ = try await second.send("GET", "/api/v1/models") }
        // The one that asks is not counted before it is answered.
        #expect(try await Self.requests(home) == 12)
        #expect(try await second.stop().exit == 0)
        #expect(try await Self.requests(home) == 13)
        #expect(try Self.lines(home).count == 13)
        let third = try await ServedHome.start(home)
        for _ in 0..<4 { _ = try await third.send("GET", "/api/v1/models") }
        third.server.kill()
        _ = third.server.result()
        let kept = try await Self.requests(home)
        // A minute that ended meanwhile was written; the running one was not.
        #expect(kept >= 13 && kept <= 17)
        let promises = try await home.run(["metrics", "slo", "--json"])
        let starts = try JSONReader.plain(promises.output)["items"]?.elements ?? []
        #expect(
            starts.contains { $0["promise"] == "cold_start_ms" && $0["service"] == "control" },
            "\(promises.output)"
        )
        for line in try Self.lines(home) { #expect(try JSONReader.plain(line)["active_version"] == .null) }
    }

    @Test("A line names the version that was active, from the start of the server on and after each activation")
    func activeVersion() async throws {
        let home = try await TestHome.withActiveModels()
        let served = try await ServedHome.start(home)
        func last() -> String? {
            (try? Self.lines(home).last.map { try JSONReader.plain($0)["active_version"]?.text }) ?? nil
        }
        try await served.until { last() == Sample.versions[1] }
        try await home.succeed(["model", "rollback", "--reason", "a test", "--yes"])
        try await served.until { last() == Sample.versions[0] }
        #expect(try await served.stop().exit == 0)
    }

    @Test("The file for a SIEM tells every event once and in order, through kills at any moment")
    func siem() async throws {
        let home = try await TestHome.make()
        for round in 0..<4 {
            let served = try await ServedHome.start(
                home,
                environment: ["DAYBOOK_SIEM_FILE": "true", "DAYBOOK_SIEM_FILE_BYTES": "4096"]
            )
            for number in 0..<6 {
                let patch: JSONValue = [
                    "fields": ["config": "runtime", "patch": ["ef_search": .integer(100 + round * 10 + number)]],
                    "reason": "a test",
                ]
                let answer = try await served.send("POST", "/api/v1/commands/patch-config", patch)
                #expect(answer.status == 200, "\(answer.text)")
            }
            served.server.kill()
            _ = served.server.result()
        }
        let served = try await ServedHome.start(
            home,
            environment: ["DAYBOOK_SIEM_FILE": "true", "DAYBOOK_SIEM_FILE_BYTES": "4096"]
        )
        let head = try #require(try await served.send("GET", "/api/v1/events?limit=1").json["head"]?.number)
        func positions() throws -> [Int] {
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/logs").filter {
                $0.hasPrefix("siem")
            }
            func order(_ name: String) -> (String, Int) {
                let parts = name.dropLast(4).split(separator: ".")
                return parts.count == 2 ? (String(parts[0]), Int(parts[1]) ?? 0) : ("~", 0)
            }
            return try names.sorted { order($0) < order($1) }.flatMap { try Self.lines(home, $0) }.compactMap { line in
                line.firstMatch(of: /position="(\d+)"/).flatMap { Int($0.output.1) }
            }
        }
        try await served.until { (try? positions().last) == head - 1 }
        let told = try positions()
        #expect(told == Array(0..<head))
        #expect(try await served.stop().exit == 0)
    }
}
