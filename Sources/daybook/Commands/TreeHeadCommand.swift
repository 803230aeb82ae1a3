import ArgumentParser
import CanonicalJSON
import EventStore
import Foundation
import Proofs

/// The three lines to carry away.
struct TreeHeadCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree-head",
        abstract: "Print the newest signed tree head: origin, size, root. Kept elsewhere, it anchors all of history.",
        discussion: """
            Put it on a USB stick, in a mail, in a batch record: whoever holds it can prove later that nothing before it was \
            changed. The log keeps every head that it gave out.
            """
    )
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "The head over the last change of keys instead, which old and new key signed.")
    var keyChange = false
    @Option(name: .long, help: ArgumentHelp("Write it here as well; it must not exist yet.", valueName: "file"))
    var out: String?

    func run(in home: OpenHome) async throws {
        let log = home.log
        let head = keyChange ? try await onThread { try Self.handover(log) } : try await home.giveOutTreeHead()
        if let out { try ProofFiles.create(Array(head.note.utf8), at: out) }
        home.printer.show(
            head.note,
            [
                "origin": .string(head.head.origin), "size": .integer(Int(head.head.size)),
                "root": .string(head.head.root.hexadecimal), "note": .string(head.note),
                "file": out.map { .string($0) } ?? .null,
            ]
        )
    }

    /// The first head that is kept over the newest change of keys: the only one that the old key signed as well.
    private static func handover(_ log: LMDBEventLog) throws -> SignedTreeHead {
        guard let change = try log.verifierKeys().last(where: { $0.position > 0 }),
            let head = try log.treeHeads().first(where: { $0.head.size > change.position })
        else {
            throw Failure(
                "key-change.none",
                "this log has the key that it began with",
                hint: "leave --key-change out",
                status: ExitStatus.badData
            )
        }
        return head
    }
}
