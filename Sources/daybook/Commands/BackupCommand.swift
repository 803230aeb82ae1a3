import ArgumentParser
import Backups
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "A home in one file: write it while others work, check it, restore it, try it.",
        subcommands: [Create.self, Verify.self, Restore.self, Drill.self]
    )

    struct Create: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a backup while others go on appending; the backup is an event.",
            discussion: """
                Holds the log as it is at one moment, documents and evidence, models, data/state.db, config/daybook.yaml, \
                receipts, and a copy of the tree heads. Leaves out the keys (`daybook keys backup`) and everything that \
                comes back from the log. The copy is read and verified whole before it counts.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Option(
            name: .long,
            help: ArgumentHelp("A file that does not exist yet, or a folder to make one in.", valueName: "file|dir")
        )
        var out: String

        func run(in home: OpenHome) async throws {
            let instant = Timestamp(microseconds: home.handler.clock.wall)
            let path = try BackupCommand.target(out, home, instant)
            let backup = HomeBackup(folders: home.folders, log: home.log, people: home.people)
            let start = ContinuousClock.now
            let report = try await onThread { try backup.write(to: path, at: instant) }
            let facts = report.manifest.facts
            let event = BackupCreated(
                file: URL(filePath: path).lastPathComponent,
                sha256: report.sha256,
                sizeBytes: Int(report.size),
                logSize: facts.logSize,
                root: facts.root,
                files: report.manifest.files.count,
                durationMs: BackupCommand.milliseconds(since: start)
            )
            let outcome = try await home.send(RecordFact(event, on: "backup"), write)
            home.printer.show(
                """
                \(path): \(facts.logSize) events, \(report.manifest.files.count) files, \(Words.size(Int(report.size)))
                sha256 \(report.sha256)
                left out: \(BackupManifest.leftOut.joined(separator: "; "))
                """,
                BackupCommand.json(report, path).merging(["position": .position(outcome.appended?.first)])
            )
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a backup: every file, the log in it, its tree head; exit code 65 names what is bad."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var scratch: ScratchOptions
        @Option(name: .long, help: ArgumentHelp("The key that must have signed the tree head.", valueName: "vkey"))
        var key: String?
        @Argument(help: "The backup.")
        var file: String

        func run() async throws {
            try PlainFile.require(file)
            let pinned = try key.map { try ProofFiles.keys([$0]) }
            let (file, place) = (file, scratch.place(for: file))
            let unpacked = try await onThread {
                let work = try WorkFolder(beside: place, purpose: "verify")
                return try withExtendedLifetime(work) {
                    let unpacked = try HomeBackup.unpack(file, into: "\(work.path)/home")
                    try BackupCommand.refuse(HomeBackup.problems(unpacked.facts, in: "\(work.path)/home"), file)
                    return unpacked
                }
            }
            let facts = unpacked.report.manifest.facts
            try BackupCommand.check(facts.treeHead, pinned, file)
            let pin = pinned == nil ? "by the key that it names itself (--key pins one)" : "by the key you pinned"
            global.printer.show(
                """
                \(file): whole
                written    \(Words.instant(facts.createdAt)) by daybook \(facts.program)
                log        \(facts.logSize) events of \(facts.origin), root \(facts.root)
                tree head  \(facts.treeHead == nil ? "NONE: the home had no key" : "signed \(pin)")
                files      \(unpacked.report.manifest.files.count), \(Words.size(Int(unpacked.report.size))), each as its digest
                sha256     \(unpacked.report.sha256)
                """,
                BackupCommand.json(unpacked.report, file).merging(["pinned": .bool(pinned != nil)])
            )
        }
    }
}

/// Where a backup is unpacked for a check.
struct ScratchOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Where to unpack for the check; else beside the backup.", valueName: "dir")
    )
    var scratch: String?

    /// A path whose folder takes the scratch files.
    func place(for file: String) -> String { scratch.map { "\($0)/backup" } ?? file }
}

extension BackupCommand {
    /// The file to write: the path itself, or a name made for the moment in a folder that exists.
    static func target(_ out: String, _ home: OpenHome, _ instant: Timestamp) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: out, isDirectory: &isFolder), isFolder.boolValue else {
            try Exports.check(out)
            return out
        }
        // To the microsecond: two may be made in one second.
        let stamp = String(instant.description.prefix(26)).replacing("-", with: "").replacing(":", with: "")
        let folder = out.hasSuffix("/") ? String(out.dropLast()) : out
        return "\(folder)/daybook-\(home.log.identity.install.text.prefix(8))-\(stamp)Z.tar"
    }

    /// The facts of a backup for programs.
    static func json(_ report: BackupArchive.Report, _ path: String) -> JSONValue {
        let facts = report.manifest.facts
        return [
            "file": .string(path), "sha256": .string(report.sha256), "size_bytes": .integer(Int(report.size)),
            "log_size": .integer(facts.logSize), "root": .string(facts.root), "origin": .string(facts.origin),
            "verifier_key": .string(facts.verifierKey), "created_at": .string(facts.createdAt),
            "program": .string(facts.program), "tree_head": facts.treeHead.map { .string($0) } ?? .null,
            "files": .integer(report.manifest.files.count),
            "left_out": .array(BackupManifest.leftOut.map { .string($0) }),
        ]
    }

    static func check(_ note: String?, _ pinned: [VerifierKey]?, _ file: String) throws {
        guard let pinned else { return }
        if let head = note.flatMap({ SignedTreeHead(note: $0) }), pinned.contains(where: { head.isSigned(by: $0) }) {
            return
        }
        throw BackupFault(
            .foreign,
            "the tree head in \(file) is not signed by the key \(pinned.map(\.text).joined(separator: " or "))",
            hint: "it is of another log, or of this one under another key: compare the key with your own copy"
        )
    }

    static func refuse(_ problems: [String], _ file: String) throws {
        guard !problems.isEmpty else { return }
        var failure = Failure(
            "backup.incomplete",
            "\(file) is whole, but what it holds is not as its log says: \(problems.joined(separator: "; "))",
            hint: "the home was like this when the backup was made; `daybook verify` there names the same",
            status: ExitStatus.badData
        )
        failure.facts["problems"] = .array(problems.map { .string($0) })
        throw failure
    }

    static func milliseconds(since start: ContinuousClock.Instant) -> Int {
        Int((ContinuousClock.now - start) / .milliseconds(1))
    }
}

extension JSONValue {
    /// This object with further members.
    func merging(_ further: [String: JSONValue]) -> JSONValue {
        .object((members ?? [:]).merging(further) { $1 })
    }
}
