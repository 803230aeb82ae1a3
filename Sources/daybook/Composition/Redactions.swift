import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Foundation
import GRDB
import Projecting
import ReadModels
import RoutingDomain

/// What a redaction does around the log: it has the home alone, and removes the words from what was derived.
struct Redactions: Sendable {
    let folders: HomeFolders

    /// Takes the home's lock alone; refused with exit code 75 while any other process has the log open, naming it.
    func takeAlone() throws -> FileLock {
        let path = folders.logFolders.lock
        if let lock = try FileLock.take(path) { return lock }
        throw Failure(
            "home.in-use",
            "the home at \(folders.root) is in use\(byWhom)",
            hint: "a redaction needs it alone: stop the server and `daybook projections run`, then try again",
            status: ExitStatus.tryAgain
        )
    }

    /// ` by process 12, process 34`: who else has the home open, as the kernel tells; empty where it does not.
    private var byWhom: String {
        let others = FileLock.holders(of: folders.logFolders.lock).filter { $0 > 0 && $0 != getpid() }
        return others.isEmpty ? "" : " by \(others.map { "process \($0)" }.joined(separator: ", "))"
    }

    /// Opens the log; where a redaction was not finished and nobody else is here, compacts it and removes what was derived.
    ///
    /// `isToFinish` says that ``finish(in:)`` must follow. What cannot be finished now is told on standard error.
    func openLog(alone: FileLock?) async throws -> (log: LMDBEventLog, isToFinish: Bool) {
        let (log, rest) = try await openWhole(alone)
        if let log { return (log, false) }
        return try await finish(rest, alone)
    }

    /// The log; or none, and what is left to do: whoever finishes must be the only one, and lets go of it first.
    private func openWhole(_ alone: FileLock?) async throws -> (LMDBEventLog?, RedactionRest) {
        let log = try open(alone)
        guard let rest = try log.redactionRest() else { return (log, .derived) }
        await log.close()
        return (nil, rest)
    }

    private func finish(_ rest: RedactionRest, _ alone: FileLock?) async throws -> (LMDBEventLog, Bool) {
        do {
            guard let alone = try alone ?? FileLock.take(folders.logFolders.lock) else {
                let places = rest == .compaction ? "freed pages of the log" : "read models and documents"
                OpenHome.say(
                    "a redaction is not finished, and \(places) may hold its words: the home is in use\(byWhom), and the next "
                        + "command that finds it alone goes on"
                )
                return (try open(nil), false)
            }
            let folders = folders
            try await onThread {
                if rest == .compaction { try LMDBEventLog.compact(folders.log) }
                try Redactions(folders: folders).removeDerived()
            }
            return (try open(alone), true)
        } catch {
            OpenHome.say("a redaction cannot be finished: \(Failure(error)?.message ?? "\(error)")")
            return (try open(alone), false)
        }
    }

    private func open(_ alone: FileLock?) throws -> LMDBEventLog {
        var tuning = LMDBEventLog.Tuning()
        tuning.heldAlone = alone
        tuning.restoredSize = folders.restoredSize
        return try LMDBEventLog.open(
            at: folders.logFolders,
            clock: SystemClock(),
            logger: OpenHome.diagnostics,
            tuning: tuning
        )
    }

    /// Fills the read models and documents again, removes evidence of redacted entries, and takes the mark away.
    func finish(in home: OpenHome) async throws {
        try await home.catchUp()
        let (log, folders) = (home.log, folders)
        for digest in try Self.evidence(log) {
            let uses = try await home.projector.place.openReader().read {
                try PersonalData.uses($0, ofEvidence: digest, mark: Redactable.mark)
            }
            if uses == 0 { unlink("\(folders.blobs)/\(digest)") }
        }
        if access(folders.blobs, F_OK) == 0 { try DurableFile.synchroniseDirectory(folders.blobs) }
        try log.noteDerivedRedacted()
    }

    /// The digests of the evidence files whose description was redacted.
    private static func evidence(_ log: LMDBEventLog) throws -> Set<String> {
        var digests: Set<String> = []
        for event in try log.events(in: StreamName.domain(RedactRecords.stream)) {
            guard let position = try JSONReader.canonical(event.data)["redacted_position"]?.number,
                let place = Position(exactly: position),
                let record = try log.page(from: place, limit: 1).events.first
            else { continue }
            let payload = try JSONReader.canonical(record.data)
            guard payload["evidence"] == .string(Redactable.mark), let digest = payload["evidence_sha256"]?.text else {
                continue
            }
            digests.insert(digest)
        }
        return digests
    }

    /// Removes read models, their copies and the rendered documents: all of it comes back from the log, without the words.
    ///
    /// Documents go first: without the ledger in the registry they would be taken for somebody's own.
    private func removeDerived() throws {
        let place = RegistryPlace(data: folders.data)
        if let reader = try? place.openReader(), let rendered = try? reader.read({ try Documents.rendered($0) }) {
            for document in rendered where !document.path.hasPrefix("config/") {
                let path = "\(folders.root)/\(document.path)"
                guard let bytes = try? DurableFile.read(path),
                    SHA256.hash(data: bytes).hexadecimal == document.sha256
                else { continue }
                try remove(path)
            }
            try reader.close()
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folders.data)
        for name in names where name.hasPrefix("registry.db") { try remove("\(folders.data)/\(name)") }
        for folder in [place.keyframes, place.scratch] where access(folder, F_OK) == 0 {
            // Nobody else is here, so that the folders of readers are all abandoned.
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
            try DurableFile.synchroniseDirectory(folder)
        }
        try DurableFile.synchroniseDirectory(folders.data)
    }

    private func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileFault("remove", path: path) }
    }
}
