import Accounts
import Backups
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import ModelFolders
import RoutingDomain

/// What goes into a backup of a home, and what is found in one.
struct HomeBackup: Sendable {
    let folders: HomeFolders
    let log: LMDBEventLog
    let people: People

    /// Writes a backup to a new file while others append; blocks.
    ///
    /// The log is copied first: what its events speak of was on disk before they were, so everything copied later is there. The
    /// copy is read and verified whole before it counts.
    func write(to path: String, at instant: Timestamp) throws -> BackupArchive.Report {
        guard access(path, F_OK) != 0 else { throw Self.exists(path) }
        let work = try WorkFolder(beside: path, purpose: "backup")
        // Without the key there may be no head over just this size; the backup then carries the newest one.
        _ = try? log.giveOutTreeHead()
        ProgressBar.tell("copying the log")
        try DurableFile.makeDirectory("\(work.path)/log", mode: 0o700)
        try log.copy(to: "\(work.path)/log")
        let facts = try facts(ofCopyIn: work.path, at: instant)
        try people.copy(to: "\(work.path)/state.db")
        ProgressBar.tell("writing the archive")
        let archive = "\(work.path)/backup.tar"
        let report = try BackupArchive.write(try sources(work.path), facts, to: archive)
        do {
            try DurableFile.moveToNewName(archive, to: path)
        } catch {
            guard error.errorNumber == EEXIST else { throw error }
            throw Self.exists(path)
        }
        return report
    }

    private func facts(ofCopyIn data: String, at instant: Timestamp) throws -> BackupFacts {
        let copy = try StagedLog.open(data: data)
        return try withExtendedLifetime(copy) {
            let bar = ProgressBar("reading the copy", total: Int(try copy.head().size))
            defer { bar.finish() }
            var told = Position(0)
            let report = try LogVerification.verify(
                copy,
                progress: {
                    bar.advance(Int($0 - told))
                    told = $0
                }
            )
            return BackupFacts(
                program: Daybook.version,
                createdAt: instant.description,
                install: copy.identity.install.text,
                origin: copy.identity.origin,
                verifierKey: copy.identity.verifierKey,
                logSize: Int(report.events),
                root: report.root.hexadecimal,
                treeHead: try copy.treeHead()?.note
            )
        }
    }

    private func sources(_ work: String) throws -> [BackupArchive.Source] {
        typealias Source = BackupArchive.Source
        var sources = [
            Source(path: "home/data/log/data.mdb", file: "\(work)/log/data.mdb", mode: 0o600),
            Source(path: "home/data/state.db", file: "\(work)/state.db", mode: 0o600),
        ]
        sources += try Source.all(beneath: folders.blobs, as: "home/data/blobs", mode: 0o600)
        sources += try Source.all(beneath: folders.receipts, as: "home/data/receipts", mode: 0o600)
        let settings = "\(folders.config)/daybook.yaml"
        if access(settings, R_OK) == 0 {
            sources.append(Source(path: "home/config/daybook.yaml", file: settings, mode: 0o644))
        }
        sources += try Source.all(beneath: folders.models, as: "home/models", mode: 0o644)
        // For information: a restored home's own heads stay in force.
        sources += try Source.all(beneath: folders.logFolders.treeHeads, as: "tree-heads", mode: 0o600)
        return sources
    }

    private static func exists(_ path: String) -> BackupFault {
        BackupFault(.exists, "\(path) exists already", hint: "name another file or a folder; no backup is overwritten")
    }

    // MARK: - Reading

    /// A backup unpacked and found whole.
    struct Unpacked: Sendable {
        let report: BackupArchive.Report
        let facts: LoggedFacts
    }

    /// Unpacks a backup into a folder that does not exist yet, and verifies the files, the log and its tree head; blocks.
    static func unpack(_ file: String, into home: String) throws -> Unpacked {
        try DurableFile.makeDirectory(home, mode: 0o755)
        try DurableFile.makeDirectory("\(home)/data", mode: 0o700)
        ProgressBar.tell("unpacking the archive")
        let report = try BackupArchive.read(file, unpackingInto: home)
        let bar = ProgressBar("verifying the log", total: report.manifest.facts.logSize)
        defer { bar.finish() }
        var (facts, told) = (LoggedFacts(), Position(0))
        var options = LogVerification.Options()
        options.types = LoggedFacts.types
        try StagedLog.verify(
            data: "\(home)/data",
            report.manifest.facts,
            options: options,
            progress: {
                bar.advance(Int($0 - told))
                told = $0
            },
            inspect: { try facts.inspect($0) }
        )
        return Unpacked(report: report, facts: facts)
    }

    /// What the log of an unpacked home speaks of and the home does not hold as it was; blocks.
    static func problems(_ facts: LoggedFacts, in home: String) -> [String] {
        var problems: [String] = []
        for (version, model) in facts.models.sorted(by: { $0.key < $1.key }) {
            let parts = model.manifestPath.split(separator: "/")
            let folder = parts.count == 3 ? String(parts[1]) : version
            let found = ModelFolder.verify(
                home: home,
                folder: folder,
                manifestDigest: model.manifestSha256,
                signatureDigest: model.signatureSha256,
                keys: facts.keys
            )
            problems += found.map(\.description)
        }
        for digest in facts.evidence.sorted()
        where (try? FileDigest.of("\(home)/data/blobs/\(digest)").sha256) != digest {
            problems.append("evidence data/blobs/\(digest) is missing or altered")
        }
        return problems
    }
}
