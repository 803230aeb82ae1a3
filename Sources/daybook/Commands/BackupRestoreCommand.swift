import ArgumentParser
import Backups
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import Projecting
import RoutingDomain

extension BackupCommand {
    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a home of a backup; a home that has seen more is never replaced.",
            discussion: """
                The place given by --home must be new or empty, or hold nothing but tree heads and keys, which stay in force. \
                With --replace a home that stands there is kept beside it under another name. Refused with exit code 65 is a \
                place whose tree heads are newer than the backup or of another history.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Flag(name: .long, help: "Put the home that stands there aside.")
        var replace = false
        @Option(name: .long, help: ArgumentHelp("The key that must have signed the tree head.", valueName: "vkey"))
        var key: String?
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Tree heads of the lost home: if they are newer, the restored one refuses to serve until that is accepted.",
                valueName: "dir"
            )
        )
        var treeHeads: String?
        @Argument(help: "The backup.")
        var file: String

        func run() async throws {
            try PlainFile.require(file)
            let pinned = try key.map { try ProofFiles.keys([$0]) }
            let (file, home, treeHeads) = (file, global.folders.root, treeHeads)
            let target = RestoreTarget(home, replacing: replace)
            try target.requireFolder()
            let now = Timestamp(microseconds: SystemClock().wall)
            let done = try await onThread {
                let work = try WorkFolder(beside: home, purpose: "restore", makesParents: true)
                return try withExtendedLifetime(work) {
                    let staged = "\(work.path)/home"
                    let unpacked = try HomeBackup.unpack(file, into: staged)
                    try BackupCommand.check(unpacked.report.manifest.facts.treeHead, pinned, file)
                    let problems = HomeBackup.problems(unpacked.facts, in: staged)
                    if let treeHeads {
                        try RestoreTarget.copyTreeHeads(
                            from: treeHeads,
                            ofInstall: unpacked.report.manifest.facts.install,
                            into: "\(staged)/data"
                        )
                    }
                    let aside = try NewHome(target: target, staged: staged, now: now).settle(
                        RestoreMark(
                            source: RestoreSource.backup.rawValue,
                            sha256: unpacked.report.sha256,
                            logSize: unpacked.report.manifest.facts.logSize,
                            root: unpacked.report.manifest.facts.root,
                            restoredAt: now.description
                        )
                    )
                    return (report: unpacked.report, problems: problems, aside: aside)
                }
            }
            let facts = done.report.manifest.facts
            NewHome.tell(
                ["\(home): \(facts.logSize) events as of \(Words.instant(facts.createdAt)), root \(facts.root)"]
                    + done.problems.map { "NOT as the log says: \($0)" },
                BackupCommand.json(done.report, file).merging([
                    "home": .string(home), "problems": .array(done.problems.map { .string($0) }),
                ]),
                aside: done.aside,
                global
            )
        }
    }
}

/// A home that was built beside its place, and takes it.
struct NewHome: Sendable {
    let target: RestoreTarget
    let staged: String
    let now: Timestamp

    /// Completes the folders, compares the log with the tree heads of the place, and takes the place in one step; blocks.
    ///
    /// Returns where what stood there is kept, or nil.
    func settle(_ mark: RestoreMark) throws -> String? {
        let data = "\(staged)/data"
        // From before the look at what stands there until it has gone aside: nobody may append to it meanwhile.
        let lock = try target.lock()
        defer { withExtendedLifetime(lock) {} }
        do {
            let log = try StagedLog.open(data: data)
            try withExtendedLifetime(log) {
                let head = try log.head()
                try target.admit(
                    RestoreTarget.Incoming(
                        install: log.identity.install.text,
                        size: head.size,
                        root: head.root,
                        rootAt: { try log.root(size: $0) }
                    ),
                    under: lock
                )
            }
        }
        for folder in HomeFolders(root: staged).all {
            try DurableFile.makeDirectory(folder, mode: folder.hasPrefix(data) ? 0o700 : 0o755)
        }
        try target.carry(into: data)
        try mark.write(data: data)
        for name in ["log/lock.mdb", "log.lock"] { try? FileManager.default.removeItem(atPath: "\(data)/\(name)") }
        let stamp = String(now.description.prefix(19)).replacing("-", with: "").replacing(":", with: "")
        return try target.take(staged, stamp: "\(stamp)Z", under: lock)
    }

    /// Says what stands there now, and what is still missing.
    static func tell(_ lines: [String], _ json: JSONValue, aside: String?, _ global: GlobalOptions) {
        let folders = global.folders
        let hasKey = FileManager.default.fileExists(atPath: "\(folders.keys)/log.key")
        let hasPeople = FileManager.default.fileExists(atPath: folders.people)
        let place = Words.shellWord(folders.root)
        var lines = lines
        if let aside { lines.append("what stood there is kept in \(aside)") }
        if !hasKey {
            lines.append(
                "missing: the keys. `daybook keys restore FILE --home \(place)` brings them; if they are lost, `daybook keys rotate --lost`"
            )
        }
        if !hasPeople {
            lines.append(
                "missing: the names behind the pseudonyms (data/state.db), which only a backup of the home holds"
            )
        }
        let isUnattested = folders.restoredSize != nil && (try? folders.logFolders.newestTreeHead()) == nil
        if isUnattested {
            lines.append(
                """
                no tree head survived that says how far the log once went, so that nothing can be appended yet. Ask whoever carries one \
                (auditor, witness, batch record) for the newest; then `daybook verify --accept-rollback --reason … --home \(place)` goes \
                on under a new name and key
                """
            )
        }
        lines.append(
            "read models and documents come back from the log: `daybook projections check --home \(place)`"
        )
        global.printer.show(
            lines.joined(separator: "\n"),
            json.merging([
                "kept_as": aside.map { .string($0) } ?? .null,
                "missing": .array((hasKey ? [] : ["keys"]) + (hasPeople ? [] : ["people"])),
                "to_accept": .bool(isUnattested),
            ])
        )
    }
}
