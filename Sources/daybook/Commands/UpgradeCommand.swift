import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import Projecting
import RoutingDomain

/// Brings a home to this program's version.
struct UpgradeCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Bring a home to this program's version, or say with --check what that would change.",
        discussion: """
            The log itself is never rewritten: an upgrade notes the program's version in it, adds Merkle tiles that an older \
            program has not kept, and derives read models anew whose rules have changed. Exit code 78 when a newer program has \
            written what this one does not know.
            """
    )
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Only say what would change.")
    var check = false

    func run(in home: OpenHome) async throws {
        let program = ProgramIdentity(version: Daybook.version)
        let noted = try GuardedLog.noted(in: home.log)
        let unknown = noted?.unknown(to: program) ?? []
        let changed = try await home.projector.changedDefinitions()
        let log = home.log
        let (size, covered) = try await onThread { (try log.head().size, try log.treeHead()?.head.size ?? 0) }
        let lines = [
            "program    \(program.version); the log notes \(noted?.version ?? "none, as only 0.1.0 wrote to it")",
            unknown.isEmpty ? nil : "unknown    \(unknown.joined(separator: ", "))",
            covered < size ? "tiles      missing from position \(covered) on" : "tiles      complete",
            changed.isEmpty
                ? "read models as they are" : "read models derived anew: \(changed.joined(separator: ", "))",
        ].compactMap { $0 }
        let isNewer = unknown.isEmpty && noted.map { program.isNewer(than: $0.version) } ?? true
        let isNeeded = isNewer || covered < size || !changed.isEmpty
        if let noted, !unknown.isEmpty {
            throw Failure(
                "program.too-old",
                "program \(noted.version) writes to this log, and this is \(program.version), which does not know \(unknown.joined(separator: ", "))",
                hint: "use \(noted.version) or newer to write; reading goes on working",
                status: ExitStatus.configuration
            )
        }
        if !check {
            try await home.writing.admit()
            if covered < size { _ = try await onThread { try log.giveOutTreeHead() } }
            try await home.catchUp()
        }
        let end =
            !isNeeded ? "nothing to do" : check ? "nothing was changed: --check" : "done; `daybook verify` checks all"
        home.printer.show(
            (lines + [end]).joined(separator: "\n"),
            [
                "program": .string(program.version), "noted": noted.map { .string($0.version) } ?? .null,
                "unknown_types": .array(unknown.map { .string($0) }), "tiles_from": .integer(Int(covered)),
                "size": .integer(Int(size)), "changed_projections": .array(changed.map { .string($0) }),
                "needed": .bool(isNeeded), "done": .bool(isNeeded && !check),
            ]
        )
    }
}
