import CanonicalJSON
import CommandHandling
import Dispatch
import EventStore
import EventStoreTesting
import Foundation
import Glibc
import Projecting
import ReadModels
import RoutingDomain
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Health", .timeLimit(.minutes(5)))
struct HealthTests {
    @Test("A home in order is ok in every part, and each part says since when")
    func sound() async throws {
        let home = try await WatchedHome()
        await home.turn()
        let document = home.board.document
        #expect(document.state == .ok, "\(document.json.prettyText)")
        #expect(
            Set(document.parts.map(\.name)) == [
                "log", "people_key", "projections", "registry", "model", "workers", "source", "caches", "connections",
                "services", "accuracy", "request_log", "disk", "clock", "certificate", "self_check", "backup",
                "restore",
                "reviews", "alerts",
            ]
        )
        let read = try #require(HealthDocument(document.json))
        #expect(read.parts == document.parts)
        await home.log.close()
    }

    @Test("A look that hangs is told as such while the others answer; since when is kept across looks")
    func hangs() async throws {
        let gate = DispatchSemaphore(value: 0)
        let clock = FixedClock()
        let board = HealthBoard(patience: .seconds(1)) { Timestamp(microseconds: clock.wall) }
        let bad = Shared(false)
        let probes = [
            Probe("stuck") { _ in
                gate.wait()
                return Look("back")
            },
            Probe("sound") { _ in bad.value.withLock { $0 } ? Look("bad", state: .degraded, remedy: "r") : Look("well")
            },
        ]
        #expect(board.document.parts.isEmpty)
        let start = Timestamp(microseconds: clock.wall)
        await board.look(probes)
        clock.advance(by: 60_000_000)
        await board.look(probes)
        let stuck = try #require(board.document["stuck"])
        #expect(stuck.state == .failed && stuck.what == "no answer since \(start)" && stuck.since == start)
        let sound = try #require(board.document["sound"])
        #expect(sound.state == .ok && sound.since == start, "the state is the same since the first look")
        bad.value.withLock { $0 = true }
        clock.advance(by: 1_000_000)
        let turned = Timestamp(microseconds: clock.wall)
        await board.look(probes)
        clock.advance(by: 1_000_000)
        await board.look(probes)
        #expect(try #require(board.document["sound"]).since == turned)
        #expect(board.document.troubled.map(\.name) == ["stuck", "sound"])
        gate.signal()
        while board.document["stuck"]?.state == .failed { await board.look([]) }
        #expect(board.document["stuck"]?.what == "back")
    }

    @Test("A probe that fails says what it met, and opens or closes nothing that it watches")
    func failing() async throws {
        let home = try await WatchedHome()
        let broken = Shared(false)
        let finding = AlertFinding(AlertName(.diskLow, of: "x"), "little room")
        let probe = Probe("disk", watches: [.diskLow]) { _ in
            guard !broken.value.withLock({ $0 }) else {
                throw EventStoreError(.inputOutput, "the disk fell out", hint: "h")
            }
            return Look("", findings: [finding])
        }
        let board = HealthBoard()
        let watch = AlertWatch(board: board, probes: [probe], commands: home.commands, registry: home.registry)
        await watch.turn()
        broken.value.withLock { $0 = true }
        for _ in 0..<3 {
            home.clock.advance(by: 60_000_000)
            await watch.turn()
        }
        let part = try #require(board.document["disk"])
        #expect(part.state == .failed && part.what.contains("The disk fell out") && part.remedy == "h")
        #expect(try home.history("disk_low.x") == ["alert.opened"], "nobody knows whether it is over")
        await home.log.close()
    }

    @Test("Of ten probes that look while one thousand readers ask, none is waited for")
    func readers() async throws {
        let gate = DispatchSemaphore(value: 0)
        let board = HealthBoard(patience: .milliseconds(1))
        let probes = (0..<10).map { number in
            Probe("p\(number)") { _ in
                gate.wait()
                return Look("back")
            }
        }
        await board.look(probes)
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<1_000 { group.addTask { board.document.parts.count } }
            for await count in group { #expect(count == 10) }
        }
        for _ in probes { gate.signal() }
        while board.document.state != .ok { await board.look([]) }
    }

    @Test(
        "A disk so full that the log takes nothing: the alert stands beside the log, and is recorded once there is room"
    )
    func fullDisk() async throws {
        let folder = try TemporaryFolder("daybook-small")
        let data = folder.path("data")
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        guard try await Tool.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", data]) else {
            print("SKIPPED: a full disk under the watch: nothing can be mounted here")
            return
        }
        do {
            try await fill(data)
        } catch {
            _ = try await Tool.run("/usr/bin/umount", ["-l", data])
            throw error
        }
        #expect(try await Tool.run("/usr/bin/umount", ["-l", data]))
    }

    private func fill(_ data: String) async throws {
        let home = try await WatchedHome(data: data, limits: ["disk-percent": 10])
        await home.turn()
        #expect(try home.part("disk").state == .ok, "the control: there is room")
        #expect(home.board.alerts.isEmpty)
        let ballast = open("\(data)/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(ballast >= 0)
        for size in [65_536, 4_096, 512] {
            let part = [UInt8](repeating: 7, count: size)
            while write(ballast, part, part.count) > 0 {}
        }
        close(ballast)
        // Rows of what is appended until nothing fits any more find no room either.
        for step in 0..<2_000 {
            let why = Sender.system(reason: String(repeating: "why ", count: 400))
            let task = OpenTask(task: "t\(step)", title: "x", sprint: nil)
            do { try await home.send(task, by: why) } catch { break }
        }
        await home.turn()
        let alert = try #require(home.board.alerts.first { $0.name.kind == .diskLow })
        #expect(!alert.isRecorded && alert.what.contains("less than 10 %") && alert.advice.contains("free space"))
        #expect(try home.part("disk").state == .degraded)
        #expect(try home.history("disk_low.data").isEmpty)
        unlink("\(data)/ballast")
        await home.turn(after: 120)
        #expect(try home.history("disk_low.data") == ["alert.opened"])
        #expect(
            try await home.registry.read { try Alerts.open($0).first?.finding }?.contains("could not be recorded")
                == true
        )
        await home.turn(after: 11)
        #expect(try home.history("disk_low.data") == ["alert.opened", "alert.closed"])
        #expect(try home.part("disk").state == .ok)
        await home.log.close()
    }

    @Test("The log's and the names' keys, the model's manifest, and rows that are behind, each by its own fault")
    func parts() async throws {
        let home = try await WatchedHome()
        try await home.activate("2025.09.15_1")
        await home.turn()
        #expect(home.board.document.state == .ok, "the control")
        func away(_ path: String, _ part: String, _ words: String) async throws {
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
            await home.turn()
            let found = try home.part(part)
            #expect(found.state == .degraded && found.what.contains(words) && !found.remedy.isEmpty, "\(found.what)")
            try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
            await home.turn()
            #expect(try home.part(part).state == .ok, "\(part) is well again")
        }
        try await away(home.folder.path("models/2025.09.15_1/manifest.json"), "model", "manifest cannot be read")
        let worker = TestWorker(home)
        try await worker.join()
        try await worker.load("2025.09.14_1")
        worker.report(source: "no route to host", caches: [.init(name: "embedding", entries: 30, limit: 40)])
        home.change { $0.connections = 90 }
        await home.turn()
        #expect(try home.part("workers").what.contains("2025.09.15_1 is being activated"))
        let source = try home.part("source")
        #expect(source.state == .degraded && source.what.contains("no route"))
        #expect(try home.part("caches").facts["line-3.embedding"]?["percent"] == 75)
        #expect(try home.part("connections").state == .degraded)
        worker.report(source: "ok")
        try await worker.load("2025.09.15_1")
        home.change { $0.connections = 89 }
        await home.turn()
        #expect(home.board.document.state == .ok, "\(home.board.document.troubled)")
        await home.log.close()
    }

    @Test("Rows that are not there or no rows at all, and a log without its key, are told by their own parts")
    func missing() async throws {
        let home = try await WatchedHome()
        await home.turn()
        #expect(try home.part("registry").state == .ok, "the control")
        func look(at folder: String) async throws -> HealthPart {
            let board = HealthBoard()
            let health = HomeHealth(
                log: home.log,
                people: home.health.people,
                registry: Registry(place: RegistryPlace(data: folder)),
                root: folder,
                data: folder
            )
            await board.look([health.registryProbe])
            return try #require(board.document["registry"])
        }
        let absent = try await look(at: home.folder.path("nowhere"))
        #expect(absent.state == .failed && absent.remedy.contains("fills it from the log"), "\(absent.json.prettyText)")
        let garbage = home.folder.path("garbage")
        try FileManager.default.createDirectory(atPath: garbage, withIntermediateDirectories: true)
        try Data(repeating: 7, count: 65_536).write(to: URL(filePath: "\(garbage)/registry.db"))
        let damaged = try await look(at: garbage)
        #expect(damaged.state == .failed && !damaged.remedy.isEmpty, "\(damaged.json.prettyText)")
        let keys = LogFolders(data: home.data).keys
        try FileManager.default.moveItem(atPath: keys, toPath: "\(keys).away")
        await home.turn()
        let log = try home.part("log")
        #expect(log.state == .degraded && !log.remedy.isEmpty, "\(log.json.prettyText)")
        try FileManager.default.moveItem(atPath: "\(keys).away", toPath: keys)
        await home.turn()
        #expect(home.board.document.state == .ok, "\(home.board.document.troubled)")
        await home.log.close()
    }

    @Test("Rows that stay behind the log are told, once they have not moved for some seconds")
    func behind() async throws {
        let home = try await WatchedHome()
        let board = home.board
        await board.look([home.health.projectionsProbe])
        let probe = home.health.projectionsProbe
        try await home.send(OpenTask(task: "t1", title: "x", sprint: nil))
        for (seconds, state) in [(0, HealthState.ok), (3, .ok), (1, .degraded)] as [(Int64, HealthState)] {
            home.clock.advance(by: seconds * 1_000_000)
            await board.look([probe])
            #expect(try home.part("projections").state == state, "after \(seconds)")
        }
        _ = try await home.projector.catchUp()
        await board.look([probe])
        #expect(try home.part("projections").state == .ok)
        await home.log.close()
    }
}
