import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Disks that are full or read-only, each for the log, the read models and the exports by itself.
///
/// `DAYBOOK_DISKS_ROUNDS` says how often the log's disk fills up.
@Suite("Small disks", .serialized)
struct SmallDiskTests {
    private static let share = FaultShare(name: "disks", seconds: 0, least: 2)
    private static let refusals: Set<Int32> = [73, 75]

    /// Moves a folder of a home onto a disk of its own.
    private static func move(_ folder: String, to size: String, for what: String) throws -> Mount? {
        let aside = "\(folder).aside"
        try FileManager.default.moveItem(atPath: folder, toPath: aside)
        guard let mount = try Machine.mountMemory(size, at: folder, for: what) else {
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.moveItem(atPath: aside, toPath: folder)
            return nil
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: aside) {
            try FileManager.default.moveItem(atPath: "\(aside)/\(name)", toPath: "\(folder)/\(name)")
        }
        try FileManager.default.removeItem(atPath: aside)
        return mount
    }

    /// Writes until nothing fits any more.
    private static func fill(_ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        for size in [65_536, 4096, 512] {
            let part = [UInt8](repeating: 7, count: size)
            while write(file, part, part.count) > 0 {}
        }
    }

    private static func patch(_ step: Int) -> [String] {
        [
            "config", "patch", "runtime", "{\"ef_search\": \(100 + step % 400)}", "--reason",
            String(repeating: "why ", count: 400),
        ]
    }

    @Test(
        "On a full disk of its own the log refuses appends, reads go on, and each cycle works again without a restart"
    )
    func log() async throws {
        let home = try await TestHome.make()
        guard let mount = try Self.move("\(home.path)/data/log", to: "3m", for: "a full disk of the log") else {
            return
        }
        let ballast = "\(mount.path)/ballast"
        var (step, cycles, books) = (0, 0, Books())
        for cycle in 0..<(Self.share.asked ?? Self.share.least) {
            try Self.fill(ballast)
            var refused: Outcome?
            for _ in 0..<400 where refused == nil {
                step += 1
                let said = try await home.run(Self.patch(step) + ["--json"])
                if said.exit != 0 { refused = said } else { try books.note(said) }
            }
            let said = try #require(refused, "the disk never became full")
            #expect(said.exit == 75 && said.errors.contains("space"), "cycle \(cycle): \(said)")
            try await home.succeed(["events", "tail", "--count", "1"])
            try await home.succeed(["verify"])
            let lost = try await books.lost(in: home)
            #expect(lost.isEmpty, "cycle \(cycle): acknowledged, and not there: \(lost)")
            unlink(ballast)
            step += 1
            try books.note(try await home.succeed(Self.patch(step) + ["--json"]))
            try await home.succeed(["verify", "--log-only"])
            // As much again would outgrow the disk in the end.
            if cycle % 10 == 9 {
                #expect(try Machine.run("mount", "-o", "remount,size=\(3 + cycle)m", mount.path).exit == 0)
            }
            cycles += 1
        }
        let caught = try await Self.control(home, &books)
        Self.share.say(
            "the log's disk full \(cycles) times: 0 of \(books.acknowledged.count) acknowledged changes lost, each time it goes on "
                + "without a restart; the control loses \(caught)"
        )
    }

    /// What was acknowledged, to be held against what is there.
    private struct Books {
        var acknowledged: [Int: JSONValue] = [:]

        /// Notes the position that a command was answered with, and what it changed.
        mutating func note(_ said: Outcome) throws {
            let answer = try JSONReader.plain(said.output)
            let position = try #require(answer["position"]?.number, "\(said)")
            let changes = try #require(answer["changes"])
            acknowledged[position] = changes
        }

        /// The acknowledged positions at which the log does not hold that change.
        func lost(in home: TestHome) async throws -> [Int] {
            let events = try await home.events()
            return acknowledged.filter { position, changes in
                !events.contains { $0["position"]?.number == position && $0["payload"]?["changes"] == changes }
            }.keys.sorted()
        }
    }

    /// A writer that answers before its change is on disk: the answer is noted, and the disk is what it was before.
    ///
    /// Nothing outside the log is left that would tell. Returns how many changes the same books miss then: above 0.
    private static func control(_ home: TestHome, _ books: inout Books) async throws -> Int {
        let data = "\(home.path)/data"
        let before = home.folder.path("before")
        try FileManager.default.copyItem(atPath: "\(data)/log/data.mdb", toPath: before)
        try books.note(try await home.succeed(patch(1) + ["--json"]))
        #expect(try await books.lost(in: home).isEmpty)
        unlink("\(data)/log/data.mdb")
        try FileManager.default.copyItem(atPath: before, toPath: "\(data)/log/data.mdb")
        for name in ["tree-heads", "registry.db", "registry.db-wal", "registry.db-shm"] {
            try? FileManager.default.removeItem(atPath: "\(data)/\(name)")
        }
        let lost = try await books.lost(in: home)
        #expect(lost.count == 1, "the control: the judge must miss what is not on disk: \(lost)")
        return lost.count
    }

    @Test("A full disk of the read models stops no append; with room again they are as a rebuild gives them")
    func readModels() async throws {
        let home = try await TestHome.make()
        let data = "\(home.path)/data"
        guard let small = try Self.move(data, to: "8m", for: "a full disk of the read models"),
            let log = try Self.move("\(data)/log", to: "64m", for: "a full disk of the read models")
        else { return }
        try Self.fill("\(data)/ballast")
        for step in 0..<30 {
            let said = try await home.run(Self.patch(step))
            #expect(said.exit == 0, "the log has room: \(said)")
        }
        let checked = try await home.run(["verify", "--log-only"])
        #expect(checked.exit == 0, "\(checked)")
        unlink("\(data)/ballast")
        try await home.succeed(Self.patch(77))
        try await home.succeed(["verify"])
        #expect(log.path.hasPrefix(small.path))
    }

    @Test("On a full disk nobody is made known and space is asked for; with room again they are")
    func people() async throws {
        let home = try await TestHome.make()
        let data = "\(home.path)/data"
        guard let small = try Self.move(data, to: "8m", for: "a full disk of the names"),
            let log = try Self.move("\(data)/log", to: "64m", for: "a full disk of the names")
        else { return }
        try Self.fill("\(data)/ballast")
        let refused = try await home.run(["person", "add", "Kim"])
        #expect(refused.exit == 75 && refused.errors.contains("free space"), "\(refused)")
        #expect(!refused.errors.contains("backup"), "\(refused)")
        unlink("\(data)/ballast")
        try await home.succeed(["person", "add", "Kim"])
        #expect(try await home.json(["person", "list"]).elements?.contains { $0["name"]?.text == "Kim" } == true)
        #expect(log.path.hasPrefix(small.path))
    }

    @Test("An erasure whose documents find no room is not done: it says what is done, what is left and how it goes on")
    func erasure() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Marker Kim"])
        try await home.succeed(["task", "open", "t", "--id", "t1", "--reason", "r", "--as", "Marker Kim"])
        var mounts: [Mount] = []
        for folder in ["docs", "logs"] {
            guard let mount = try Self.move("\(home.path)/\(folder)", to: "256k", for: "a full disk of the documents")
            else {
                return
            }
            try Self.fill("\(mount.path)/ballast")
            mounts.append(mount)
        }
        func isNamed(_ folder: String) throws -> Bool {
            try ByteSearch.files(in: "\(home.path)/\(folder)").contains {
                !ByteSearch.offsets(of: Array("Marker Kim".utf8), in: $0.value).isEmpty
            }
        }
        #expect(try isNamed("docs"), "the control")
        let erase = ["person", "erase", "Marker Kim", "--basis", "b", "--reason", "r"]
        let said = try await home.run(erase)
        #expect(said.exit == 75 && said.output.contains("erased at position"), "\(said)")
        for words in [
            "recorded at position", "gone from data/state.db", "documents still show it", "No space", "free space",
            "daybook status",
        ] {
            #expect(said.errors.contains(words), "\(words): \(said)")
        }
        #expect(try isNamed("docs") && !isNamed("data"))
        for mount in mounts { unlink("\(mount.path)/ballast") }
        try await home.succeed(["status"])
        #expect(try !isNamed("docs") && !isNamed("logs"))
        try await home.succeed(["person", "add", "Marker Lee"])
        let other = try await home.succeed(["person", "erase", "Marker Lee", "--basis", "b", "--reason", "r"])
        #expect(other.errors.isEmpty, "the control: \(other)")
    }

    @Test("A redaction that finds no room to finish says so, and never blames other processes that are not there")
    func redaction() async throws {
        for room in [60, 250, 400] {
            let home = try await TestHome.make()
            let opened = try await home.json(["task", "open", "Marker", "--id", "t1", "--reason", "Marker"])
            let position = "\(try #require(opened["position"]?.number))"
            guard let mount = try Self.move("\(home.path)/data", to: "8m", for: "a full disk in a redaction") else {
                return
            }
            try Self.fill("\(mount.path)/ballast")
            let size = try #require(
                FileManager.default.attributesOfItem(atPath: "\(mount.path)/ballast")[.size] as? Int
            )
            #expect(truncate("\(mount.path)/ballast", size - room << 10) == 0)
            for words in [["redact", position, "--basis", "b", "--reason", "r"], ["status"], ["events", "tail"]] {
                let said = try await home.run(words)
                #expect(!said.errors.contains("process"), "\(room) kB: \(said)")
            }
            unlink("\(mount.path)/ballast")
            try await home.succeed(["status"])
            try await home.succeed(["verify"])
        }
    }

    @Test("A full disk of the exports leaves no file that looks whole, and the home as it was")
    func exports() async throws {
        let home = try await TestHome.make()
        for step in 0..<3 { try await home.succeed(Self.patch(step)) }
        let folder = home.folder.path("exports")
        guard let mount = try Machine.mountMemory("64k", at: folder, for: "a full disk of the exports") else { return }
        try Self.fill("\(folder)/ballast")
        let before = try await home.standing()
        for format in ["md", "csv", "html"] {
            let said = try await home.run([
                "logbook", "export", "--format", format, "--out", "\(folder)/book.\(format)",
            ])
            #expect(Self.refusals.contains(said.exit), "\(said)")
            #expect(said.errors.filter(\.isNewline).count == 1, "\(said)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(left == ["ballast"], "half an export is left: \(left)")
        #expect(try await home.standing() == before)
        unlink("\(folder)/ballast")
        try await home.succeed(["logbook", "export", "--format", "csv", "--out", "\(mount.path)/book.csv"])
    }

    @Test(
        "A disk that becomes read-only, and rights that are taken away, are told in one line; with them back all goes on"
    )
    func readOnly() async throws {
        let home = try await TestHome.make()
        try await home.succeed(Self.patch(1))
        guard let mount = try Self.move("\(home.path)/data", to: "16m", for: "a disk that becomes read-only") else {
            return
        }
        func refused(_ what: String) async throws {
            for words in [Self.patch(2), ["model", "list"], ["verify", "--log-only"]] {
                let said = try await home.run(words)
                guard said.exit != 0 else {
                    #expect(words[0] != "config", "\(what): an append on a read-only disk: \(said)")
                    continue
                }
                #expect([65, 69, 73, 75, 77, 78].contains(said.exit), "\(what): \(said)")
                #expect(said.errors.filter(\.isNewline).count == 1 && !said.errors.contains("0x"), "\(what): \(said)")
            }
        }
        // The kernel may still be closing what a command that has ended held open for writing.
        let end = ContinuousClock.now + .seconds(20)
        var isReadOnly = false
        while !isReadOnly, ContinuousClock.now < end {
            isReadOnly = try Machine.run("mount", "-o", "remount,ro", mount.path).exit == 0
        }
        try #require(isReadOnly, "the disk cannot be made read-only")
        try await refused("read-only")
        #expect(try Machine.run("mount", "-o", "remount,rw", mount.path).exit == 0)
        try await home.succeed(Self.patch(3))
        try await home.succeed(["verify"])
        // Rights bind only those who are not root.
        #expect(try Machine.run("chown", "-R", "65534:65534", home.folder.path).exit == 0)
        let other = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        guard try await home.run(["--version"], through: other).exit == 0 else {
            return Skipped.line("rights taken away", because: "another user may not run the program here")
        }
        let log = "\(home.path)/data/log"
        for (path, mode, back) in [
            (log, mode_t(0o500), mode_t(0o700)), ("\(log)/data.mdb", 0o400, 0o600), (log, 0, 0o700),
        ] {
            #expect(chmod(path, mode) == 0)
            let said = try await home.run(Self.patch(4), through: other)
            if mode != 0o500 {
                #expect([75, 77, 78].contains(said.exit), "\(path) with mode \(mode): \(said)")
                #expect(said.errors.filter(\.isNewline).count == 1, "\(said)")
            }
            #expect(chmod(path, back) == 0)
        }
        let verified = try await home.run(["verify"], through: other)
        #expect(verified.exit == 0, "\(verified)")
    }
}
