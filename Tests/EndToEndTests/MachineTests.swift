import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// What the machine does to us: clocks that jump, disks that fill up, a second projector.
@Suite("The machine")
struct MachineTests {
    @Test("A clock far ahead stops appends until an operator accepts it; a clock set back is recorded")
    func clock() async throws {
        let library = "/usr/lib/\(Self.architecture)-linux-gnu/faketime/libfaketimeMT.so.1"
        guard access(library, R_OK) == 0 else {
            return Skipped.line("clock jumps", because: "libfaketime is not installed (apt install faketime)")
        }
        let home = try await TestHome.make()
        // The boot clock keeps telling the truth: it is what a jump is held against.
        let ahead = [
            "LD_PRELOAD": library, "FAKETIME": "+400d", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x"]
        try await home.refuses(patch, exit: 75, naming: ["ahead", "daybook clock accept"], environment: ahead)
        try await home.succeed(["config", "patch", "runtime", #"{"top_k": 21}"#, "--reason", "x", "--for", "8h"])
        let reads = try await home.run(["model", "list"], environment: ahead)
        #expect(reads.exit == 0, "reads go on: \(reads)")
        let accepted = try await home.run(["clock", "accept", "--reason", "checked by hand"], environment: ahead)
        #expect(accepted.exit == 0, "\(accepted)")
        let done = try await home.run(patch, environment: ahead)
        #expect(done.exit == 0, "\(done)")
        try await home.succeed([
            "config", "patch", "runtime", #"{"ef_search": 100}"#, "--reason", "the clock is right again",
        ])
        let events = try await home.events()
        let types = events.compactMap { $0["type"]?.text }
        #expect(types.contains("log.clock_accepted") && types.contains("log.clock_stepped"))
        let times = events.compactMap { $0["recorded_at"]?.text }
        #expect(times == times.sorted(), "recorded_at never decreases")
        try await home.succeed(["verify"])
    }

    private static var architecture: String {
        var about = utsname()
        uname(&about)
        return withUnsafeBytes(of: about.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    @Test("On a full disk reads go on, writes say so, and work again once there is room, without a restart")
    func diskFull() async throws {
        guard getuid() == 0 else { return Skipped.line("a full disk", because: "only root can mount a small one") }
        let folder = try TemporaryFolder("daybook-e2e")
        let mount = try await onThread {
            try Child(
                ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder.path],
                environment: Program.environment()
            ).result()
        }
        guard mount.exit == 0 else {
            return Skipped.line("a full disk", because: "mount is not allowed: \(mount.errors)")
        }
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        let home = try await TestHome.make(at: folder.path("plant"), keeping: folder)
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "room"])
        let ballast = folder.path("ballast")
        try fill(ballast)
        let listed = try await home.run(["config", "get", "runtime", "ef_search", "--json"])
        #expect(listed.exit == 0 && listed.output.contains("200"), "reads go on: \(listed)")
        let long = String(repeating: "why ", count: 480)
        var refused: Outcome?
        for step in 0..<200 {
            let patch = ["config", "patch", "runtime", "{\"ef_search\": \(201 + step)}", "--reason", long]
            let said = try await home.run(patch)
            if said.exit != 0 {
                refused = said
                break
            }
        }
        let said = try #require(refused, "the disk never became full")
        #expect(said.exit == 75, "\(said)")
        #expect(said.errors.contains("full") || said.errors.contains("space"), "\(said)")
        let again = try await home.run(["events", "tail", "--count", "1"])
        #expect(again.exit == 0, "reads go on: \(again)")
        unlink(ballast)
        try await home.succeed([
            "config", "patch", "runtime", #"{"ef_search": 500}"#, "--reason", "there is room again",
        ])
        try await home.succeed(["verify"])
    }

    /// Writes until nothing fits any more.
    private func fill(_ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let part = [UInt8](repeating: 7, count: 4096)
        while write(file, part, part.count) > 0 {}
    }

    @Test("A second projector is refused and names the first; commands beside a running one are not stale")
    func secondProjector() async throws {
        let home = try await TestHome.make()
        let words = ["\(Program.folder)/daybook", "projections", "run", "--home", home.path]
        let first = try Child(words, environment: Program.environment())
        defer { first.kill() }
        try await onThread {
            let end = ContinuousClock.now + .seconds(60)
            while try !home.contents("data/projector.lock").contains(first.identifier), ContinuousClock.now < end {
                if first.isGone(within: 10) { break }
            }
        }
        let second = try await home.run(["projections", "run"])
        #expect(second.exit == 75 && second.errors.contains(first.identifier), "\(second)")
        let patched = try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x"])
        #expect(!patched.errors.contains("stale"), "\(patched)")
        #expect(try await home.sql("SELECT count(*) FROM config_history WHERE reason = 'x'") == "1")
        first.kill(SIGTERM)
        let ended = try await onThread { first.result() }
        #expect(ended.exit == 0, "an interruption is no failure: \(ended)")
        try await home.succeed(["verify"])
    }

    @Test("Another user of the machine is not allowed into a home, and is told so in one line")
    func anotherUser() async throws {
        guard getuid() == 0 else { return Skipped.line("another user", because: "only root can drop to one") }
        let home = try await TestHome.make()
        #expect(chmod(home.folder.path, 0o755) == 0 && chmod(home.path, 0o755) == 0)
        let other = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        let version = try await home.run(["--version"], through: other)
        guard version.exit == 0 else {
            return Skipped.line("another user", because: "another user may not run the program: \(version.errors)")
        }
        let before = try await home.standing()
        for words in [["model", "list"], ["config", "patch", "runtime", "{}", "--reason", "x"]] {
            let said = try await home.run(words, through: other)
            #expect(said.exit == 77 && said.errors.contains("another user"), "\(words): \(said)")
            #expect(said.errors.filter(\.isNewline).count == 1 && said.output.isEmpty, "\(said)")
        }
        #expect(try await home.standing() == before)
    }

    @Test("A hanging projector makes reads say that they are stale, not wait for ever")
    func hangingProjector() async throws {
        let home = try await TestHome.make()
        let lock = "\(home.path)/data/projector.lock"
        let file = open(lock, O_RDWR | O_CLOEXEC)
        try #require(file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
        let patched = try await home.run(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x"])
        #expect(patched.exit == 0 && patched.errors.contains("stale"), "\(patched)")
        let status = try await home.run(["status"])
        #expect(status.exit == 75 && status.output.contains("DEGRADED"), "\(status)")
        close(file)
        try await home.succeed(["verify"])
    }

    @Test("A legacy program that polls the registry sees its columns, and never none or two active versions")
    func legacyPoller() async throws {
        let home = try await TestHome.withActiveModels()
        let columns = try await home.sql("SELECT name || ' ' || type FROM pragma_table_info('model_registry')")
        #expect(
            columns.split(separator: "\n").prefix(5) == [
                "version TEXT", "active_flag INTEGER", "created_at DATETIME", "notes TEXT", "manifest_path TEXT",
            ]
        )
        let poll =
            "SELECT (SELECT count(*) FROM model_registry WHERE active_flag = 1) || ' ' || max(created_at) FROM model_registry;\n"
        let database = "\(home.path)/data/registry.db"
        let switching = Progress()
        async let polled = onThread {
            var seen: [String] = []
            while !switching.isDone {
                let words = ["/usr/bin/sqlite3", "-readonly", "-cmd", ".timeout 5000", database]
                let input = Array(String(repeating: poll, count: 500).utf8)
                let outcome = try Child(words, environment: Program.environment(), input: input).result()
                #expect(outcome.exit == 0, "\(outcome.errors)")
                seen += outcome.output.split(separator: "\n").map(String.init)
            }
            return seen
        }
        for round in 0..<50 {
            let version = Sample.versions[round % 2]
            try await home.succeed(["model", "activate", version, "--reason", "round \(round)"])
        }
        switching.finish()
        let seen = try await polled
        #expect(seen.count >= 500)
        #expect(seen.allSatisfy { $0.hasPrefix("1 ") }, "\(Set(seen).prefix(5))")
        let created = try #require(seen.first?.dropFirst(2))
        #expect(created.wholeMatch(of: /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z/) != nil, "\(created)")
    }
}

/// A sign from one thread to another that its work is done.
final class Progress: @unchecked Sendable {
    private let lock = NSLock()
    private var done = false

    var isDone: Bool { lock.withLock { done } }

    func finish() { lock.withLock { done = true } }
}
