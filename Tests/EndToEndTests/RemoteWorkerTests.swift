import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

@Suite("A worker of another machine", .timeLimit(.minutes(15)))
struct RemoteWorkerTests {
    /// A home with two trained versions that is served, and what a worker of another machine needs.
    private struct Plant {
        let home: TestHome
        let versions: [String]
        var served: ServedHome
        let words: [String]
        let root: String
        let port: Int

        static func make() async throws -> Plant {
            let home = try await TestHome.make()
            let versions = try await [1, 2].asyncMap { try await InferenceTests.train(home, seed: $0).version }
            let served = try await ServedHome.start(home)
            let key = try await InferenceTests.key(served, home, ["read", "report"])
            return Plant(
                home: home,
                versions: versions,
                served: served,
                words: ["--url", "http://127.0.0.1:\(try served.port)", "--token-file", key],
                root: home.folder.path("remote"),
                port: try served.port
            )
        }

        func worker(_ name: String = "far") async throws -> RunningWorker {
            try await RunningWorker.start(root, name, words)
        }

        /// The folder of a version as the worker has it.
        func place(_ version: String) -> String { "\(root)/models/\(version)" }

        /// What workers told of versions that they could not load.
        func failures() async throws -> [JSONValue] {
            try await home.events().filter { $0["type"]?.text == "inference.load_failed" }.compactMap {
                $0["payload"] ?? $0["data"]
            }
        }

        /// Serves a home at the address that the worker knows.
        mutating func serve(_ home: TestHome) async throws {
            served = try await ServedHome.start(home, ["--insecure-http", "--port", "\(port)"])
        }
    }

    private static func inode(_ path: String) throws -> UInt64 {
        var status = stat()
        try #require(stat(path, &status) == 0, "\(path) is not there")
        return UInt64(status.st_ino)
    }

    private static func end(_ worker: RunningWorker) async throws {
        worker.child.kill()
        _ = try await onThread { worker.child.result() }
    }

    @Test("A worker whose key may not read says so, in its diagnostics too, and holds no activation up")
    func refusedKey() async throws {
        let plant = try await Plant.make()
        let key = try await InferenceTests.key(plant.served, plant.home, ["report"])
        let words = ["--url", "http://127.0.0.1:\(plant.port)", "--token-file", key]
        let refused = try await RunningWorker.start(plant.home.folder.path("refused"), "shut-out", words)
        try await refused.until("it says so") {
            let health = try await refused.send("GET", "/health")
            return health.text.contains("permission read") && health.text.contains("the log was not read yet")
        }
        #expect(refused.child.errorText.contains("refuses this worker's service key"), "\(refused.child.errorText)")
        let ready = try await refused.send("GET", "/health/ready")
        #expect(ready.status == 503 && ready.text.contains("not known"), "\(ready.text)")

        // The control: one with both scopes joins, and the activation waits for it alone.
        let worker = try await plant.worker()
        try await worker.until("it joined") {
            try await plant.home.json(["inference", "list"]).elements?.map { $0["worker"]?.text } == ["far"]
        }
        try await InferenceTests.activate(plant.home, plant.versions[0])
        try await worker.until("it serves") { try await worker.version() == plant.versions[0] }
        #expect(try await plant.home.json(["inference", "list"]).elements?.count == 1)
        try await Self.end(refused)
        try await Self.end(worker)
        _ = try await plant.served.stop()
    }

    @Test("A file altered at the control service is told once by name; what came whole is not brought a second time")
    func altered() async throws {
        let plant = try await Plant.make()
        let (good, bad) = (plant.versions[0], plant.versions[1])
        try await InferenceTests.activate(plant.home, bad)
        let folder = "\(plant.home.path)/models/\(bad)"
        let last = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix("manifest.") }.max()
        )
        let sound = try Data(contentsOf: URL(filePath: "\(folder)/\(last)"))
        var spoiled = sound
        spoiled[sound.count / 2] ^= 1
        try spoiled.write(to: URL(filePath: "\(folder)/\(last)"))

        let worker = try await plant.worker()
        try await worker.until("it is found") { try await worker.send("GET", "/health").text.contains(last) }
        try await worker.until("it is told") { try await plant.failures().isEmpty == false }
        let failures = try await plant.failures()
        let failure = try #require(failures.first)
        #expect(failures.count == 1 && failure["problem"] == "altered", "\(failures)")
        #expect(failure["message"]?.text?.contains(last) == true, "\(failure)")
        let incoming = "\(plant.root)/models/.incoming-\(bad)"
        #expect(!FileManager.default.fileExists(atPath: "\(incoming)/\(last)"))
        let kept = try Self.inode("\(incoming)/manifest.json")

        // The control: the file as it was is taken, and with it what waited.
        try sound.write(to: URL(filePath: "\(folder)/\(last)"))
        try await InferenceTests.activate(plant.home, good)
        try await worker.until("the good one serves") { try await worker.version() == good }
        try await InferenceTests.activate(plant.home, bad)
        try await worker.until("the restored one serves") { try await worker.version() == bad }
        #expect(try Self.inode("\(plant.place(bad))/manifest.json") == kept)
        #expect(try await plant.failures().count == 1)
        #expect(try await worker.stop().exit == 0)
        _ = try await plant.served.stop()
    }

    @Test("What the worker's own disk does not take is told as that, and no fault of the version")
    func disk() async throws {
        let plant = try await Plant.make()
        let (first, second) = (plant.versions[0], plant.versions[1])
        try await InferenceTests.activate(plant.home, first)
        let obstacle = "\(plant.root)/models/.incoming-\(first)"
        try FileManager.default.createDirectory(atPath: "\(plant.root)/models", withIntermediateDirectories: true)
        try #require(FileManager.default.createFile(atPath: obstacle, contents: Data()))
        let worker = try await plant.worker()
        try await worker.until("it is told") { try await plant.failures().isEmpty == false }
        let failures = try await plant.failures()
        #expect(failures.count == 1 && failures.first?["problem"] == "storage", "\(failures)")
        #expect(try await worker.send("GET", "/health").text.contains(".incoming-\(first)"))
        // The control: nothing stands in the other's way, and in the end nothing in its own.
        try await InferenceTests.activate(plant.home, second)
        try await worker.until("the other serves") { try await worker.version() == second }
        try FileManager.default.removeItem(atPath: obstacle)
        try await InferenceTests.activate(plant.home, first)
        try await worker.until("it serves") { try await worker.version() == first }
        #expect(try await worker.stop().exit == 0)
        _ = try await plant.served.stop()
    }

    @Test("A feed that tells of another folder, or of no signature, is refused by the proof, and nothing is removed")
    func forgedFeed() async throws {
        let plant = try await Plant.make()
        let version = plant.versions[0]
        try await InferenceTests.activate(plant.home, version)
        var worker = try await plant.worker()
        try await worker.until("it serves") { try await worker.version() == version }
        try await Self.end(worker)
        let feed = "\(plant.root)/data/inference/far/events.jsonl"
        let told = try String(contentsOfFile: feed, encoding: .utf8)
        let path = "\"manifest_path\":\"models/\(version)/manifest.json\""
        let signature = /,"signature_sha256":"[0-9a-f]{64}"/
        let forged = [
            told.replacing(path, with: "\"manifest_path\":\"models/../manifest.json\""),
            told.replacing(signature, with: ""),
        ]
        for text in forged {
            #expect(text != told)
            try text.write(toFile: feed, atomically: false, encoding: .utf8)
            worker = try await plant.worker()
            try await worker.until("it is refused") {
                let health = try await worker.send("GET", "/health").text
                return health.contains("is not what the feed told") || health.contains("can have the name")
            }
            #expect(try await worker.version() == nil)
            #expect(FileManager.default.fileExists(atPath: "\(plant.place(version))/manifest.json"))
            try await Self.end(worker)
        }
        // The control: what was told in truth serves.
        try told.write(toFile: feed, atomically: false, encoding: .utf8)
        worker = try await plant.worker()
        try await worker.until("it serves") { try await worker.version() == version }
        #expect(try await worker.stop().exit == 0)
        _ = try await plant.served.stop()
    }

    @Test("Of the workers of one folder one at a time brings a version; the others take what it brought")
    func oneFolder() async throws {
        let plant = try await Plant.make()
        let version = plant.versions[0]
        try FileManager.default.createDirectory(atPath: plant.root, withIntermediateDirectories: true)
        let lock = open("\(plant.root)/models.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
        defer { close(lock) }
        try await InferenceTests.activate(plant.home, version)
        let workers = [try await plant.worker("far"), try await plant.worker("near")]
        for worker in workers {
            try await worker.until("it waits") {
                try await worker.send("GET", "/health").text.contains("another worker brings")
            }
        }
        #expect(!FileManager.default.fileExists(atPath: plant.place(version)))
        // The control: nobody is at work any more.
        try #require(flock(lock, LOCK_UN) == 0)
        try await workers[0].until("one serves") { try await workers[0].version() == version }
        let brought = try Self.inode(plant.place(version))
        try await workers[1].until("the other serves") { try await workers[1].version() == version }
        #expect(try Self.inode(plant.place(version)) == brought, "nobody replaced it")
        #expect(try await plant.failures().isEmpty)
        for worker in workers { #expect(try await worker.stop().exit == 0) }
        _ = try await plant.served.stop()
    }

    @Test("A control service with an older or a forked log changes nothing: what serves serves on")
    func forkedLog() async throws {
        var plant = try await Plant.make()
        let (first, second) = (plant.versions[0], plant.versions[1])
        try await InferenceTests.activate(plant.home, first)
        let worker = try await plant.worker()
        try await worker.until("the first serves") { try await worker.version() == first }
        #expect(try await plant.served.stop().exit == 0)
        let fork = plant.home.folder.path("fork")
        let copied = try await Program.run(["-a", plant.home.path, fork], program: "/bin/cp")
        #expect(copied.exit == 0, "\(copied)")

        // The control: an activation of the log that was followed is taken.
        try await plant.serve(plant.home)
        try await InferenceTests.activate(plant.home, second)
        try await worker.until("the second serves") { try await worker.version() == second }
        try await worker.until("it is well") { try await worker.send("GET", "/health").json["state"] == "ok" }
        let size = try #require(try await plant.served.send("GET", "/api/v1/tree-head").json["size"]?.number)

        #expect(try await plant.served.stop().exit == 0)
        let forked = TestHome.standing(at: fork, keeping: plant.home.folder)
        try await plant.serve(forked)
        try await worker.until("the older log is found") {
            try await worker.send("GET", "/health").text.contains("it is an older one")
        }
        #expect(try await worker.version() == second)
        // It grows past what the worker has read while nobody serves it.
        #expect(try await plant.served.stop().exit == 0)
        var breadth = 90
        while try await forked.events().count <= size + 8 {
            breadth += 1
            try await forked.succeed([
                "config", "patch", "runtime", #"{"ef_search": \#(breadth)}"#, "--reason", "a test",
            ])
        }
        try await InferenceTests.activate(forked, second)
        try await plant.serve(forked)
        try await worker.until("the forked log is found") {
            try await worker.send("GET", "/health").text.contains("it is another one")
        }
        #expect(try await worker.version() == second)
        #expect(
            try await worker.send("POST", "/v1/similar", ["parts": [["features": ["ITEM_GRP": "SHAFT"]]]]).status == 200
        )
        #expect(try await worker.stop().exit == 0)
        _ = try await plant.served.stop()
    }
}
