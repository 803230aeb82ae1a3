import ArgumentParser
import CanonicalJSON
import Crypto
import EventStore
import Foundation
import Proofs
import RoutingDomain

/// One page for the auditor's own folder.
struct AuditorCardCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "auditor-card",
        abstract: "Print one page for an auditor: whose log, its public key, its tree head, the verifier's digest."
    )
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("Write it here as well; it must not exist yet.", valueName: "file"))
    var out: String?

    func run(in home: OpenHome) async throws {
        let head = try await home.giveOutTreeHead()
        let card = AuditorCard(
            head: head,
            key: home.log.identity.verifierKey,
            verifierDigest: Array(SHA256.hash(data: try BundleVerifier.script)).hexadecimal,
            date: Timestamp(microseconds: SystemClock().wall).description
        )
        if let out { try ProofFiles.create(Array(card.text.utf8), at: out) }
        home.printer.show(card.text, card.json(file: out))
    }
}

/// What an auditor keeps of a visit, and what the next one begins with.
struct AuditorCard {
    let head: SignedTreeHead
    let key: String
    let verifierDigest: String
    let date: String

    /// SHA-256 over the line of the key as it stands, so that `printf %s LINE | sha256sum` gives it.
    private var fingerprint: String { Array(SHA256.hash(data: Array(key.utf8))).hexadecimal }

    /// The card, on one page of 80 columns; only the key and signature lines are longer.
    var text: String {
        """
        DAYBOOK AUDITOR CARD                          \(date)

        Log
          \(head.head.origin)

        Its public key: keep your own copy of this line, and never take it from a
        bundle or a proof
          \(key)
        SHA-256 of that line, as `printf %s LINE | sha256sum` gives it
          \(Self.groups(fingerprint))

        Its tree head: all of history up to here, in three lines
          \(head.head.body.split(separator: "\n").joined(separator: "\n  "))
        with its signatures, as a file must hold them
          \(head.note.split(separator: "\n").filter { $0.hasPrefix("\u{2014}") }.joined(separator: "\n  "))

        The verifier that comes with each bundle, verify_bundle.py (Python 3, no other
        library), has the SHA-256
          \(Self.groups(verifierDigest))

        Bring next time
          1. This card. The key and the three lines are what nobody can take back.
          2. A computer with Python 3; it needs no network.
        Ask for
          1. An audit bundle from this head:  daybook audit bundle --from THIS-CARD
          2. A new card, and compare the key with this one. A key that was changed is
             handed over by both signatures, and verify_bundle.py follows it. Only after
             a lost key or an accepted rollback the new one signs alone: ask why, and
             take it from a person whom you know, not from a stick or a bundle.
        Check
          python3 verify_bundle.py BUNDLE.tar --key-file THIS-CARD --head THIS-CARD
          THIS-CARD is this page as a file; or typed from it: the line of the key, the
          three lines of the tree head, an empty line, and its signature lines.

        It proves that no event before a head you hold was changed, removed or put in
        another order. It does not prove that all that happened was recorded. With the
        key, no witness and no old head in other hands, whoever rules the machine can
        write all of history anew: this card is such an old head.

        """
    }

    func json(file: String?) -> JSONValue {
        [
            "origin": .string(head.head.origin), "verifier_key": .string(key),
            "fingerprint": .string(fingerprint), "tree_head": head.head.json, "note": .string(head.note),
            "verifier_sha256": .string(verifierDigest), "date": .string(date),
            "file": file.map { .string($0) } ?? .null,
        ]
    }

    /// Groups of eight digits, which a person can compare.
    private static func groups(_ digits: String) -> String {
        stride(from: 0, to: digits.count, by: 8)
            .map { digits.dropFirst($0).prefix(8) }.joined(separator: " ")
    }
}
