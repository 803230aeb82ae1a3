import ArgumentParser
import Backups
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

/// Makes a home of an exported log.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a home of a log exported by `daybook events export --raw`, positions and proofs unchanged.",
        discussion: """
            Takes every record in order, checks that it follows on the ones before, and that the tree head at the end is over \
            just these records and signed; then the home is there at once, or nothing is. Keys, models and names are not in an \
            export.
            """
    )

    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("The key that must have signed the end; your own copy.", valueName: "vkey"))
    var key: String?
    @Argument(help: "The exported log.")
    var file: String

    func run() async throws {
        try PlainFile.require(file)
        let pinned = try key.map { try ProofFiles.keys([$0]) }
        let (file, home) = (file, global.folders.root)
        let target = RestoreTarget(home, replacing: nil)
        try target.requireFolder()
        let now = Timestamp(microseconds: SystemClock().wall)
        let (report, aside) = try await onThread {
            let work = try WorkFolder(beside: home, purpose: "import", makesParents: true)
            return try withExtendedLifetime(work) {
                let staged = "\(work.path)/home"
                try DurableFile.makeDirectory("\(staged)/data", mode: 0o700)
                let report = try RawLog.importLog(
                    from: file,
                    into: "\(staged)/data/log",
                    blobs: "\(staged)/data/blobs",
                    pinned: pinned
                )
                let mark = RestoreMark(
                    source: RestoreSource.export.rawValue,
                    sha256: report.sha256,
                    logSize: Int(report.records),
                    root: report.head.head.root.hexadecimal,
                    restoredAt: now.description
                )
                return (report, try NewHome(target: target, staged: staged, now: now).settle(mark))
            }
        }
        NewHome.tell(
            [
                "\(home): \(report.records) events, \(report.blobs) documents, root \(report.head.head.root.hexadecimal)",
                pinned == nil
                    ? "KEY TAKEN FROM THE FILE: proves only that it agrees with itself (--key pins one)"
                    : "key pinned by you",
            ],
            [
                "home": .string(home), "records": .integer(Int(report.records)), "blobs": .integer(report.blobs),
                "root": .string(report.head.head.root.hexadecimal), "tree_head": .string(report.head.note),
                "sha256": .string(report.sha256), "pinned": .bool(pinned != nil),
            ],
            aside: aside,
            global
        )
    }
}
