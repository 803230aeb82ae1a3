import EventStoreTesting
import Foundation
import Glibc
import Testing

/// A writer on a file system of its own is cut off from its disk at a random moment, as a loss of power would do it.
///
/// The file system is shut down by the kernel without writing its journal or any page it still holds; what was not
/// synchronised is gone. `DAYBOOK_CUTS_ROUNDS` says how often on ext4; xfs gets a third of it.
@Suite("Power cuts", .serialized)
struct PowerCutTests {
    private static let share = FaultShare(name: "cuts", seconds: 12, least: 6)

    @Test("A power cut while appending loses nothing that was acknowledged, on ext4 and on xfs")
    func cuts() async throws {
        var random = SeededGenerator(for: "power cuts")
        guard let nosync = try Disk.shim("power cuts") else { return }
        for (kind, divisor) in [("ext4", 1), ("xfs", 3)] {
            guard let disk = try Disk.make(kind) else { return }
            var (done, acknowledged, unsynced, lost) = (0, 0, 0, 0)
            _ = try await Self.share.run(dividedBy: divisor) { round in
                let (log, callers, size) = try Self.round(disk, round, using: &random)
                let delay = Int.random(in: 0...60_000, using: &random)
                let seed = random.seed
                let (verdict, count) = try await onThread {
                    try disk.cut(log, callers, size, after: delay, preload: nil)
                }
                acknowledged += count
                done += 1
                #expect(verdict.isSound, "\(kind), round \(round), SEED=\(seed): \(verdict)")
            }
            // On a machine so busy that no writer got as far as an answer, the cuts come later, until one has.
            for later in 1...20 where acknowledged == 0 {
                let (log, callers, size) = try Self.round(disk, 500 + later, using: &random)
                let (verdict, count) = try await onThread {
                    try disk.cut(log, callers, size, after: later * 100_000, preload: nil)
                }
                acknowledged += count
                done += 1
                #expect(verdict.isSound, "\(kind), after \(later) tenths of a second: \(verdict)")
            }
            // The control: a writer whose synchronisations do nothing must lose what it acknowledged.
            for round in 0..<max(2, min(done / 10, 20)) {
                let (log, callers, size) = try Self.round(disk, 1000 + round, using: &random)
                let (verdict, count) = try await onThread {
                    try disk.cut(log, callers, size, after: 40_000, preload: nosync.library)
                }
                if count > 0 {
                    unsynced += 1
                    if !verdict.isSound { lost += 1 }
                }
            }
            #expect(acknowledged > 0, "the writers got something done")
            #expect(
                unsynced > 0 && lost == unsynced,
                "\(kind): without synchronising \(lost) of \(unsynced) cuts lose something"
            )
            Self.share.say(
                "\(kind): \(done) power cuts, \(acknowledged) acknowledged events, 0 lost; "
                    + "control without synchronising: \(lost) of \(unsynced) lose some"
            )
        }
    }

    /// A log in a state of its own for each round: some grow over several cuts.
    private static func round(
        _ disk: Disk,
        _ round: Int,
        using random: inout SeededGenerator
    ) throws -> (log: String, callers: Int, size: Int) {
        let data = "\(disk.mount)/\(round)"
        let log = try TestWriter.makeLog(in: data)
        Glibc.sync()
        let size = [1, 10, 100].randomElement(using: &random) ?? 1
        return (log, Int.random(in: 1...4, using: &random), size)
    }
}

/// Where a log's folder lies.
private enum DataFolder {
    static func of(_ log: String) -> String { String(log.dropLast("/log".count)) }
}

/// A file system on a loop device, which can be cut off.
private final class Disk: Sendable {
    /// XFS_IOC_GOINGDOWN, which ext4 knows too, and its flag for "write nothing more, not even the journal".
    private static let shutdown: UInt = 0x8004_587d
    private static let withoutJournal: UInt32 = 2

    struct Shim {
        let folder: TemporaryFolder
        let library: String
    }

    let folder: TemporaryFolder
    let image: String
    let mount: String
    let kind: String

    private init(_ folder: TemporaryFolder, _ kind: String) {
        self.folder = folder
        self.kind = kind
        image = folder.path("disk.img")
        mount = folder.path("disk")
    }

    deinit { umount2(mount, Int32(MNT_DETACH)) }

    /// The library for the control; nil, with the reason said, where these tests cannot run.
    static func shim(_ what: String) throws -> Shim? {
        guard getuid() == 0 else {
            Skipped.line(what, because: "needs root, a loop device, e2fsprogs and xfsprogs")
            return nil
        }
        let folder = try TemporaryFolder("daybook-shim")
        guard let library = try Machine.shim("nosync", in: folder) else {
            Skipped.line(what, because: "no C compiler is installed")
            return nil
        }
        return Shim(folder: folder, library: library)
    }

    static func make(_ kind: String) throws -> Disk? {
        let disk = Disk(try TemporaryFolder("daybook-cut"), kind)
        guard Machine.program("mkfs.\(kind)") != nil else {
            Skipped.line("power cuts on \(kind)", because: "mkfs.\(kind) is not installed")
            return nil
        }
        try FileManager.default.createDirectory(atPath: disk.mount, withIntermediateDirectories: true)
        guard FileManager.default.createFile(atPath: disk.image, contents: nil),
            truncate(disk.image, off_t(512 << 20)) == 0
        else { throw ShimError(description: "no room for a disk of 512 MiB") }
        let made = try Machine.run("mkfs.\(kind)", "-q", disk.image)
        guard made.exit == 0 else { throw ShimError(description: "mkfs.\(kind): \(made)") }
        let mounted = try disk.attach()
        guard mounted.exit == 0 else {
            Skipped.line("power cuts on \(kind)", because: "no loop device can be mounted: \(mounted.errors)")
            return nil
        }
        return disk
    }

    private func attach() throws -> Outcome { try Machine.run("mount", "-o", "loop", image, mount) }

    /// Appends until the disk is cut off, mounts it again, and judges; also says how many events were acknowledged.
    func cut(
        _ log: String,
        _ callers: Int,
        _ size: Int,
        after delay: Int,
        preload: String?
    ) throws -> (LogJudge.Verdict, Int) {
        let variables = preload.map { ["LD_PRELOAD": $0] } ?? [:]
        let writer = try Child(
            [TestWriter.program, "append", log, "\(callers)", "\(size)", "0"],
            environment: Program.environment(variables)
        )
        while !writer.text.contains("ready"), !writer.isGone(within: 1) {}
        // The writer's work runs on while this thread waits for the moment.
        writer.isGone(within: delay / 1000)
        try goDown()
        writer.kill()
        let said = writer.result()
        guard umount2(mount, 0) == 0 || umount2(mount, Int32(MNT_DETACH)) == 0 else {
            throw ShimError(description: "\(mount) cannot be unmounted: \(errno)")
        }
        let attached = try attach()
        guard attached.exit == 0 else { throw ShimError(description: "\(kind) does not come back: \(attached)") }
        let lines = TestWriter.acknowledgements(in: said.output)
        let verdict = try LogJudge(lines).verdict(on: log, acknowledged: lines.count)
        try FileManager.default.removeItem(atPath: DataFolder.of(log))
        return (verdict, TestWriter.events(in: lines))
    }

    private func goDown() throws {
        let root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw ShimError(description: "\(mount) does not open: \(errno)") }
        defer { close(root) }
        var how = Self.withoutJournal
        guard ioctl(root, Self.shutdown, &how) == 0 else {
            throw ShimError(description: "the kernel does not shut \(kind) down: \(errno)")
        }
    }
}
