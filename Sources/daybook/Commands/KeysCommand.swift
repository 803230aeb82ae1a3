import Accounts
import ArgumentParser
import Backups
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The home's keys: keep them apart from its backups, bring them back, replace them.",
        subcommands: [Backup.self, Restore.self, Rotate.self]
    )

    struct PassphraseOptions: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp("Read the passphrase from this file; else it is asked for.", valueName: "file")
        )
        var passphraseFile: String?
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write everything in data/keys to one file under a passphrase.",
            discussion: "Keep the file and the passphrase apart from each other and from the backups of the home."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var passphrase: PassphraseOptions
        @Option(name: .long, help: ArgumentHelp("The file; it must not exist yet.", valueName: "file"))
        var out: String

        func run() async throws {
            try Exports.check(out)
            let (folders, out, source) = (global.folders, out, passphrase.passphraseFile)
            let keys = try await onThread {
                guard access(out, F_OK) != 0 else {
                    throw BackupFault(.exists, "\(out) exists already", hint: "name another file; none is overwritten")
                }
                let log = try LMDBEventLog.open(at: folders.logFolders, logger: OpenHome.diagnostics)
                let origin = withExtendedLifetime(log) { log.identity.origin }
                let keys = try SealedKeys(folder: folders.keys, origin: origin)
                let text = try keys.text(passphrase: try Passphrase.read(file: source, isNew: true))
                try DurableFile.create(Array(text.utf8), at: out, mode: 0o400)
                return keys
            }
            global.printer.show(
                """
                \(out): \(keys.files.count) keys of \(keys.origin) under your passphrase
                Without the passphrase nobody can open it, nor can anyone help.
                """,
                [
                    "file": .string(out), "origin": .string(keys.origin),
                    "keys": .array(keys.files.map { .string($0.path) }),
                ]
            )
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the keys of a key backup back into a home; a key that stands there is never overwritten.",
            discussion: """
                Works in a home that refuses to serve, too. The signing key is taken only if the log names it: one from before \
                a rotation is left out (exit code 65 if the home is then without), the keys of the names are brought back all \
                the same. Of those only the one that data/state.db uses is taken: the others open names that were erased. Where \
                another key stands at a name, it stays (exit code 73), and the rest is brought back.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var passphrase: PassphraseOptions
        @Argument(help: "The file of `daybook keys backup`.")
        var file: String

        func run() async throws {
            try PlainFile.require(file, limit: 16 << 20)
            let (folders, file, source) = (global.folders, file, passphrase.passphraseFile)
            try OpenHome.requireHome(folders)
            let (keys, restored) = try await onThread {
                let text = String(decoding: try DurableFile.read(file, limit: 16 << 20), as: UTF8.self)
                // A log that is older than its tree heads needs its keys as well: to accept that takes them.
                var tuning = LMDBEventLog.Tuning()
                tuning.opensContradicted = true
                let log = try LMDBEventLog.open(
                    at: folders.logFolders,
                    clock: SystemClock(),
                    logger: OpenHome.diagnostics,
                    tuning: tuning
                )
                let identity = withExtendedLifetime(log) { log.identity }
                let keys = try SealedKeys(
                    text: text,
                    name: file,
                    passphrase: try Passphrase.read(file: source, isNew: false)
                )
                guard LogOrigin(text: keys.origin)?.install == identity.install else {
                    throw BackupFault(
                        .foreign,
                        "\(file) holds the keys of \(keys.origin), and this home is of installation \(identity.install.text)",
                        hint: "name the home they belong to"
                    )
                }
                let erased = try People.keysOfOtherEpochs(keys.files.map(\.path), path: folders.people)
                return (keys, try keys.restore(into: folders.keys, naming: identity.verifierKey, erased: erased))
            }
            if let name = restored.inTheWay.first { throw Self.blocked("\(folders.keys)/\(name)", restored) }
            guard restored.hasLogKey else { throw Self.keyless(file, restored) }
            let words =
                restored.written.isEmpty
                ? "every key was there already" : "written with mode 0400: \(restored.written.joined(separator: ", "))"
            let leftOut =
                restored.leftOut.map { "\nleft out: \($0), which is not the key that the log names" }
                + restored.erased.map {
                    "\nleft out: \($0), which data/state.db does not use: it opens names that were erased"
                }
            global.printer.show(
                "\(folders.keys): \(words)\(leftOut.joined())",
                [
                    "origin": .string(keys.origin), "written": .array(restored.written.map { .string($0) }),
                    "left_out": .array((restored.leftOut + restored.erased).map { .string($0) }),
                    "keys": .array(keys.files.map { .string($0.path) }),
                ]
            )
        }

        private static func keyless(_ file: String, _ restored: SealedKeys.Restored) -> Failure {
            Failure(
                "keys.another",
                "\(file) does not hold the signing key that the log names; \(written(restored))",
                hint:
                    "use the key backup made after the last change of keys; if there is none, `daybook keys rotate --lost`",
                status: ExitStatus.badData
            ).stating(restored)
        }

        private static func blocked(_ path: String, _ restored: SealedKeys.Restored) -> Failure {
            Failure(
                BackupFault.Code.exists.rawValue,
                "the key at \(path) is not the one of the backup, and was left there; \(written(restored))",
                hint: "move it away if it is of no use, then try again; a key is never overwritten",
                status: ExitStatus.cannotCreate
            ).stating(restored)
        }

        private static func written(_ restored: SealedKeys.Restored) -> String {
            restored.written.isEmpty ? "nothing was written" : "written: \(restored.written.joined(separator: ", "))"
        }
    }

    struct Rotate: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace the key that signs tree heads; an event, with your reason.",
            discussion: """
                The old key signs the change too, so whoever pinned it can follow. With --lost, when the old key is gone, the \
                new one signs alone: carry its line to everybody who pinned the old one.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Flag(name: .long, help: "The old key is gone.")
        var lost = false

        func run(in home: OpenHome) async throws {
            let context = CommandContext(
                actor: home.actor.id.text,
                auth: await home.auth(),
                reason: write.reason,
                now: Timestamp(microseconds: home.handler.clock.wall)
            )
            let reason = try context.requireReason(for: "a new signing key")
            let before = home.log.identity.verifierKey
            if !lost { try await home.writing.admit() }
            let result = try await home.log.rotateKey(
                lost: lost,
                actor: home.actor.id,
                metadata: EventMetadata(auth: await home.auth(), reason: reason)
            )
            await home.follow()
            let key = home.log.identity.verifierKey
            home.printer.show(
                """
                before  \(before)
                now     \(key)
                position \(result.first). Give the new line to everybody who pinned the old one\
                \(lost ? ", and tell them by another way that the old key is lost" : "; the tree head over it carries both signatures").
                Next: daybook keys backup --out FILE
                """,
                [
                    "previous_verifier_key": .string(before), "verifier_key": .string(key), "lost": .bool(lost),
                    "position": .position(result.first),
                ]
            )
        }
    }
}

extension Failure {
    /// This failure with what became of the keys all the same.
    fileprivate func stating(_ restored: SealedKeys.Restored) -> Failure {
        var failure = self
        failure.facts["written"] = .array(restored.written.map { .string($0) })
        failure.facts["left_out"] = .array((restored.leftOut + restored.erased).map { .string($0) })
        failure.facts["in_the_way"] = .array(restored.inTheWay.map { .string($0) })
        return failure
    }
}
