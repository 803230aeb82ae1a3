import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// A full disk and kill -9 in the middle of a backup, a restoration and an import.
@Suite("Backups that are interrupted", .serialized)
struct BackupFaultTests {
    private static var program: String { "\(Program.folder)/daybook" }

    @Test("On a full disk nothing half is left, and it works once there is room")
    func fullDisk() async throws {
        guard getuid() == 0 else { return Skipped.line("a full disk", because: "only root can mount a small one") }
        let backed = try await BackupTests.Backed.make()
        let disk = try TemporaryFolder("daybook-e2e")
        let mount = try await onThread {
            try Child(
                ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk.path],
                environment: Program.environment()
            ).result()
        }
        guard mount.exit == 0 else {
            return Skipped.line("a full disk", because: "mount is not allowed: \(mount.errors)")
        }
        defer { umount2(disk.path, Int32(MNT_DETACH)) }
        let raw = backed.folder.path("log.raw")
        try await backed.home.succeed(["events", "export", "--raw", "--out", raw])
        let ballast = disk.path("ballast")
        let uses = [
            (["backup", "create", "--out", disk.path("b.tar")], "b.tar"),
            (["events", "export", "--raw", "--out", disk.path("l.raw")], "l.raw"),
            (["backup", "restore", backed.backup, "--home", disk.path("new")], "new"),
            (["import", raw, "--home", disk.path("imported")], "imported"),
        ]
        // Room for a part of each: nothing at all would be noticed before the first write.
        for room in [0, 40_960, 131_072] {
            try Self.fill(ballast, leaving: room)
            for (words, name) in uses {
                let said = try await backed.home.run(words)
                #expect(said.exit != 0 || room > 0, "\(words) with \(room) bytes of room: \(said)")
                if said.exit == 0 {
                    try FileManager.default.removeItem(atPath: disk.path(name))
                    continue
                }
                #expect(said.exit == 75, "\(words): \(said)")
                #expect(said.errors.contains("space") || said.errors.contains("full"), "\(words): \(said)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == ["ballast"], "\(words)")
            }
            unlink(ballast)
        }
        for (words, name) in uses {
            try await backed.home.succeed(words)
            #expect(FileManager.default.fileExists(atPath: disk.path(name)))
        }
        try await backed.home.succeed(["verify"])
    }

    /// Writes until only so many bytes are free.
    private static func fill(_ path: String, leaving room: Int) throws {
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let part = [UInt8](repeating: 7, count: 4096)
        var size: off_t = 0
        while case let count = write(file, part, part.count), count > 0 { size += off_t(count) }
        try #require(ftruncate(file, max(0, size - off_t(room))) == 0)
    }

    @Test("Killed anywhere, the target is whole or absent, the home is whole, and the next try works")
    func killed() async throws {
        let backed = try await BackupTests.Backed.make()
        let folder = backed.folder
        let raw = folder.path("log.raw")
        try await backed.home.succeed(["events", "export", "--raw", "--out", raw])
        var random = SeededGenerator(for: "killed backups")
        var (hits, whole) = (0, 0)
        for round in 0..<24 {
            let target = folder.path("target-\(round)")
            let uses = [
                ["backup", "create", "--out", target], ["backup", "restore", backed.backup, "--home", target],
                ["import", raw, "--home", target],
            ]
            let words = uses[round % uses.count]
            let isCreate = words[1] == "create"
            let checks = isCreate ? ["backup", "verify", target] : ["verify", "--log-only", "--home", target]
            let milliseconds = Int.random(in: 1...120, using: &random)
            let environment = Program.environment(["DAYBOOK_HOME": backed.home.path])
            let program = Self.program
            let wasKilled = try await onThread {
                let child = try Child([program] + words, environment: environment)
                let isGone = child.isGone(within: milliseconds)
                if !isGone { child.kill() }
                return child.result().exit == -SIGKILL
            }
            hits += wasKilled ? 1 : 0
            if FileManager.default.fileExists(atPath: target) {
                whole += 1
                if words[0] != "import" {
                    let said = try await backed.home.run(checks)
                    #expect(said.exit == 0, "round \(round), seed \(random.seed): \(words): \(said)")
                }
            } else {
                try await backed.home.succeed(words)
                let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(
                    !names.contains { $0.hasPrefix(".target-\(round)") },
                    "what the killed one left is removed: \(names)"
                )
            }
        }
        try await backed.home.succeed(["verify"])
        #expect(hits > 0, "a run in which nothing was killed proves nothing")
        #expect(whole > 0 || hits == 24)
        // The control: what these checks call whole is not whole with a piece missing.
        let cut = folder.path("cut.tar")
        let bytes = try #require(FileManager.default.contents(atPath: backed.backup))
        try bytes.dropLast(2048).write(to: URL(filePath: cut))
        #expect(try await backed.home.run(["backup", "verify", cut]).exit == 65)
    }
}
