import ArgumentParser
import Backups
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import Projecting
import RoutingDomain

extension BackupCommand {
    struct Drill: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Restore a backup into a scratch home, compare it with the log, and record the result as an event.",
            discussion: """
                Restores the backup, or the newest one of a folder, verifies everything in it, fills every read model from its \
                log and from this home's up to the same position, and compares their digests. The scratch home is removed. A \
                failed drill is an event too, and exit code 65.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var scratch: ScratchOptions
        @Argument(help: "The backup, or a folder of backups.")
        var backup: String

        func run(in home: OpenHome) async throws {
            let file = try BackupCommand.newest(backup, of: home)
            try await home.catchUp()
            let start = ContinuousClock.now
            var finding = Finding()
            let place = scratch.scratch.map { "\($0)/backup" } ?? "\(home.folders.data)/scratch/backup"
            let work = try WorkFolder(beside: place, purpose: "drill", makesParents: true)
            do {
                try await compare(file, work.path, home, &finding)
            } catch {
                guard let failure = Failure(error) else { throw error }
                // What the machine could not do says nothing about the backup.
                guard failure.status == ExitStatus.badData else { throw error }
                finding.problem = failure.message
            }
            withExtendedLifetime(work) {}
            let event = BackupDrilled(
                file: URL(filePath: file).lastPathComponent,
                sha256: finding.sha256,
                logSize: finding.logSize,
                root: finding.root,
                outcome: finding.problem == nil ? .passed : .failed,
                finding: finding.problem.map { String(Words.oneLine($0).prefix(1000)) },
                readModels: finding.readModels,
                durationMs: BackupCommand.milliseconds(since: start)
            )
            let outcome = try await home.send(RecordFact(event, on: "backup"), write)
            try tell(event, file, outcome.appended?.first, home)
        }

        private func tell(_ event: BackupDrilled, _ file: String, _ position: Position?, _ home: OpenHome) throws {
            let facts: [String: JSONValue] = [
                "file": .string(file), "outcome": .string(event.outcome.rawValue),
                "finding": event.finding.map { .string($0) } ?? .null,
                "sha256": event.sha256.map { .string($0) } ?? .null,
                "log_size": event.logSize.map { .integer($0) } ?? .null,
                "root": event.root.map { .string($0) } ?? .null,
                "read_models": event.readModels.map { .integer($0) } ?? .null,
                "duration_ms": .integer(event.durationMs), "position": .position(position),
            ]
            guard let finding = event.finding else {
                return home.printer.show(
                    """
                    \(file): passed in \(event.durationMs) ms (position \(position.map(String.init) ?? "-"))
                    \(event.logSize ?? 0) events restored and verified; \(event.readModels ?? 0) read models equal a replay of this log
                    """,
                    .object(facts)
                )
            }
            var failure = Failure(
                "drill.failed",
                "the drill of \(file) failed: \(finding)",
                hint:
                    "it is recorded at position \(position.map(String.init) ?? "-"); make a new backup now and try it",
                status: ExitStatus.badData
            )
            failure.facts = facts
            throw failure
        }

        /// What a drill found out, as far as it came.
        private struct Finding {
            var sha256: String?
            var logSize: Int?
            var root: String?
            var readModels: Int?
            var problem: String?
        }

        private func compare(_ file: String, _ work: String, _ home: OpenHome, _ finding: inout Finding) async throws {
            let scratch = "\(work)/home"
            finding.sha256 = try await onThread { try FileDigest.of(file).sha256 }
            let unpacked = try await onThread { try HomeBackup.unpack(file, into: scratch) }
            let facts = unpacked.report.manifest.facts
            (finding.logSize, finding.root) = (facts.logSize, facts.root)
            try BackupCommand.refuse(await onThread { HomeBackup.problems(unpacked.facts, in: scratch) }, file)
            let size = Position(clamping: facts.logSize)
            let own = home.log
            let ownRoot = try await onThread {
                try own.head().size < size ? nil : try own.root(size: size).hexadecimal
            }
            guard facts.install == own.identity.install.text, ownRoot == facts.root else {
                throw BackupFault(
                    .foreign,
                    "its log of \(facts.logSize) events of \(facts.origin) is not the beginning of this home's",
                    hint: "it is of another home, or this one has lost events"
                )
            }
            let restored = try await onThread { try StagedLog.open(data: "\(scratch)/data") }
            ProgressBar.tell("replaying the log of the backup")
            let theirs = try await home.projector.replayDigests(of: restored, upTo: size, rules: restored)
            await restored.close()
            ProgressBar.tell("replaying this log")
            let ours = try await home.projector.replayDigests(of: own, upTo: size, rules: own)
            let differing = ours.keys.filter { ours[$0] != theirs[$0] }.sorted()
            finding.readModels = ours.count
            guard differing.isEmpty else {
                throw BackupFault(
                    .damaged,
                    "read models differ from a replay of this log: \(differing.joined(separator: ", "))",
                    hint: "keep the backup, and make another"
                )
            }
        }
    }

    /// The file itself, or the newest backup in a folder by the time in its name and then of its change.
    static func newest(_ path: String, of home: OpenHome) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            try PlainFile.require(path)
            return path
        }
        let prefix = "daybook-\(home.log.identity.install.text.prefix(8))-"
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".tar") }
        guard let newest = names.max() else {
            throw Failure(
                "backup.none",
                "there is no backup of this home in \(path)",
                hint: "`daybook backup create --out \(Words.shellWord(path))` makes one, named \(prefix)<time>.tar",
                status: ExitStatus.badData
            )
        }
        return "\(path)/\(newest)"
    }
}
