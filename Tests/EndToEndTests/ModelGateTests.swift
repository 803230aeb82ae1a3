import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

@Suite("Versions before their activation, with the program")
struct ModelGateTests {
    /// A home with a version that was trained there.
    private static func trained(_ items: Int = 300) async throws -> (home: TestHome, version: String) {
        let home = try await TestHome.make()
        let path = home.folder.path("plant.db")
        let made = try await Program.run(["sample", "--out", path, "--items", "\(items)", "--json"])
        #expect(made.exit == 0, "\(made)")
        let version = try await home.json(["train", "--source", path])["version"]?.text
        return (home, try #require(version))
    }

    private static func states(_ report: JSONValue) -> [String: String] {
        let findings = (report["gates"]?.elements ?? []).compactMap { finding in
            finding["gate"]?.text.flatMap { gate in finding["state"]?.text.map { (gate, $0) } }
        }
        return Dictionary(findings) { $1 }
    }

    @Test("A trained version passes every gate, is activated with what they found, and quickly again")
    func passes() async throws {
        let (home, version) = try await Self.trained()
        let states = Self.states(try await home.json(["model", "check", version]))
        #expect(Set(states.values) == ["passed"] && states.count == 6, "\(states)")
        let done = try await home.json(["model", "activate", version, "--reason", "first", "--wait"])
        #expect(Set(Self.states(done).values) == ["passed"], "\(done.prettyText)")
        #expect(done["barrier"]?["state"] == "active")
        let folder = try await home.json(["model", "check", "\(home.path)/models/\(version)"])
        #expect(Self.states(folder)["checksums"] == "skipped" && Self.states(folder)["load"] == "passed")
        let said = try await home.json(["model", "active"])
        #expect(said["barrier"]?["state"] == "active" && said["is_external"] == 0)
    }

    @Test("A floor that is not reached refuses with the measure; overridden with a reason it passes, and stays told")
    func floors() async throws {
        let (home, version) = try await Self.trained()
        try await home.succeed([
            "config", "patch", "runtime", #"{"activation_gates.median_ape_percent": 0.1}"#, "--reason", "strict",
        ])
        let refused = try await home.run(["model", "activate", version, "--reason", "first", "--json"])
        #expect(refused.exit == 65, "\(refused)")
        let problem = try JSONReader.plain(refused.errors)
        #expect(problem["type"] == "urn:daybook:model.gate" && problem["field"] == "median_ape", "\(refused)")
        #expect(problem["limit"] == "0.1" && problem["actual"]?.text.flatMap { Double($0) } ?? 0 > 0.1)
        #expect(try await home.active() == nil)
        let checked = try await home.run(["model", "check", version])
        #expect(checked.exit == 65 && checked.output.contains("median_ape"), "\(checked)")
        let words = ["--override-gates", "median_ape", "--override-reason", "only a trial"]
        try await home.succeed(["model", "activate", version, "--reason", "first"] + words)
        let history = try await home.succeed(["model", "history"])
        #expect(history.output.contains("overridden: median_ape"), "\(history)")
    }

    @Test("A damaged index never becomes active, and no memory for the process is a failed load; with enough it passes")
    func refused() async throws {
        let (home, version) = try await Self.trained()
        let little = ["DAYBOOK_ACTIVATION_CHECK_MEMORY_MB": "64"]
        let activate = ["model", "activate", version, "--reason", "first", "--json"]
        let starved = try await home.run(activate, environment: little)
        #expect(starved.exit == 65, "\(starved)")
        #expect(try JSONReader.plain(starved.errors)["type"] == "urn:daybook:model.gate", "\(starved)")
        let index = "\(home.path)/models/\(version)/hnsw_index.bin"
        let bytes = try Data(contentsOf: URL(filePath: index))
        var other = bytes
        other[bytes.count / 2] ^= 0xff
        try other.write(to: URL(filePath: index))
        let altered = try await home.run(activate)
        #expect(altered.exit == 65 && altered.errors.contains("model.altered"), "\(altered)")
        try bytes.write(to: URL(filePath: index))
        try await home.succeed(activate)
        // What was passed a moment ago is remembered, and an altered file is found all the same.
        try await home.succeed(["train", "--source", home.folder.path("plant.db")])
        let rows = try await home.json(["model", "list"]).elements ?? []
        let second = try #require(rows.compactMap { $0["version"]?.text }.first { $0 != version })
        try await home.succeed(["model", "activate", second, "--reason", "second"])
        try other.write(to: URL(filePath: index))
        let back = try await home.run(["model", "rollback", "--reason", "back", "--yes", "--json"])
        #expect(back.exit == 65 && back.errors.contains("model.altered"), "\(back)")
        try bytes.write(to: URL(filePath: index))
        try await home.succeed(["model", "rollback", "--reason", "back", "--yes"])
    }

    /// The checking processes that a process has started.
    private static func checking(under parent: String) -> [pid_t] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { process in
            guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")
            else { return false }
            let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 && fields[1] == parent && words.range(of: Data("check-model".utf8)) != nil
        }
    }

    @Test("The process that looks is killed: the gate has failed, and nothing else has; undisturbed it passes")
    func killed() async throws {
        let (home, version) = try await Self.trained(2_000)
        let words = ["\(Program.folder)/daybook", "model", "check", version, "--json", "--home", home.path]
        let child = try Child(words, environment: Program.environment())
        let wasThere = try await onThread {
            while !child.isGone(within: 1) {
                let found = Self.checking(under: child.identifier)
                for process in found { kill(process, SIGKILL) }
                if !found.isEmpty { return true }
            }
            return false
        }
        let outcome = try await onThread { child.result() }
        try #require(wasThere, "the process was there and gone before anybody saw it: \(outcome)")
        #expect(outcome.exit == 65, "\(outcome)")
        let gates = try JSONReader.plain(outcome.output)["gates"]?.elements ?? []
        let failed = gates.filter { $0["state"] == "failed" }
        #expect(failed.count == 1 && failed.first?["reason"]?.text?.contains("signal 9") == true, "\(outcome)")
        try await home.succeed(["model", "check", version])
    }

    @Test(
        "What nothing here made passes by its checksums, is refused where a worker would serve it, and goes as external"
    )
    func elsewhere() async throws {
        let home = try await TestHome.withActiveModels()
        let again = ["model", "activate", Sample.versions[0], "--reason", "again"]
        let plain = try await home.succeed(again)
        #expect(plain.output.contains("checked by its checksums alone"), "\(plain)")
        let served = try await ServedHome.start(home, environment: ["DAYBOOK_ACTIVATION_WAIT_SECONDS": "1"])
        let workers = "/api/v1/inference/workers"
        let join: JSONValue = ["instance": .string(UUID().uuidString.lowercased()), "host": "n", "program": "test 1"]
        #expect(try await served.send("POST", "\(workers)/line-3/join", join).status == 200)
        let next = ["model", "activate", Sample.versions[1], "--reason", "next"]
        let refused = try await home.run(next + ["--json"])
        #expect(refused.exit != 0 && refused.errors.contains("line-3"), "\(refused)")
        #expect(refused.errors.contains("model.not-servable"), "\(refused)")
        let over = try await served.send(
            "POST",
            "/api/v1/models/\(Sample.versions[1])/activate",
            ["reason": "next", "external": true]
        )
        #expect(over.status == 200, "\(over.text)")
        let status = try await home.run(["model", "active"])
        #expect(status.output.contains("served by another service"), "\(status)")
        #expect(try await served.stop().exit == 0)
    }

    @Test("Whoever waits is told by exit code and name which worker is late")
    func waits() async throws {
        let (home, version) = try await Self.trained()
        // Late it is to be, however slow the machine, and not lost.
        let quick = ["DAYBOOK_ACTIVATION_WAIT_SECONDS": "1", "DAYBOOK_ALERTS_WORKER_SILENCE_SECONDS": "3600"]
        let served = try await ServedHome.start(home, environment: quick)
        let join: JSONValue = ["instance": .string(UUID().uuidString.lowercased()), "host": "n", "program": "test 1"]
        #expect(try await served.send("POST", "/api/v1/inference/workers/line-3/join", join).status == 200)
        let words = ["model", "activate", version, "--reason", "first", "--wait"]
        let late = try await home.run(words, environment: quick)
        #expect(late.exit == 75 && late.output.contains("line-3"), "\(late)")
        let list = try await home.run(["inference", "list"], environment: quick)
        #expect(list.output.contains("late"), "\(list)")
        let screen = try await home.run(["status"], environment: quick)
        #expect(screen.output.contains("partial: line-3"), "\(screen)")
        #expect(try await served.stop().exit == 0)
    }
}
