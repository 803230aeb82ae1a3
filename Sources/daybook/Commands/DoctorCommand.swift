import Accounts
import ArgumentParser
import CanonicalJSON
import ControlAPI
import DurableFiles
import EventStore
import Foundation
import ModelFolders
import Projecting
import ReadModels
import RoutingDomain

/// Looks at everything around the log that can go wrong, each with its fix.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the machine and the home: disk, clock, modes, leftovers, SQL files; each finding with its fix."
    )
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        var findings = DoctorFindings()
        let folders = global.folders
        findings.place(folders)
        findings.clock()
        findings.modes(folders)
        findings.programs()
        findings.check("SQL files", fix: "mend the file it names") { _ = try OpenHome.definitions(global) }
        do {
            let home = try await OpenHome.open(global)
            let isStale = try await home.isBehind()
            for part in await home.health(isStale: isStale).parts {
                findings.note(
                    part.state <= .unknown,
                    part.name.replacing("_", with: " "),
                    part.what,
                    fix: part.remedy
                )
            }
            let models = try await home.read { try Models.list($0) }
            let registered = Set(models.map { String($0.manifestPath.split(separator: "/").dropFirst().first ?? "") })
            let root = folders.root
            for leftover in try await onThread({ try ModelFolder.leftovers(home: root, registered: registered) }) {
                findings.note(
                    false,
                    "models",
                    "\(leftover.path) is \(leftover.kind.rawValue)",
                    fix: "register it, or remove it"
                )
            }
            await home.close()
        } catch {
            let failure = Failure(error) ?? Failure("fault", "\(error)", hint: "", status: ExitStatus.tryAgain)
            findings.note(false, "home", failure.message, fix: failure.hint)
        }
        let rows = findings.items.map { [$0.isGood ? "ok" : "CHECK", $0.subject, $0.words, $0.isGood ? "" : $0.fix] }
        global.printer.show(
            TextTable(header: ["", "WHAT", "FOUND", "FIX"], rows: rows, empty: "").text,
            .array(
                findings.items.map {
                    [
                        "ok": .bool($0.isGood), "subject": .string($0.subject), "found": .string($0.words),
                        "fix": .string($0.fix),
                    ]
                }
            )
        )
        if findings.items.contains(where: { !$0.isGood }) { throw ExitCode(ExitStatus.tryAgain) }
    }
}

private struct DoctorFindings {
    struct Item {
        let isGood: Bool
        let subject: String
        let words: String
        let fix: String
    }

    var items: [Item] = []

    mutating func note(_ isGood: Bool, _ subject: String, _ words: String, fix: String) {
        items.append(Item(isGood: isGood, subject: subject, words: words, fix: fix))
    }

    mutating func check(_ subject: String, fix: String, _ body: () throws -> Void) {
        do {
            try body()
            note(true, subject, "every one holds", fix: "")
        } catch {
            note(false, subject, Failure(error)?.message ?? "\(error)", fix: fix)
        }
    }

    mutating func place(_ folders: HomeFolders) {
        guard let kind = try? FileSystemKind.of(folders.data) else {
            return note(false, "place", "\(folders.data) cannot be looked at", fix: "`daybook init` makes a home")
        }
        switch kind {
        case .local: note(true, "place", "a local file system", fix: "")
        case .overlay:
            note(false, "place", "a container's own layer", fix: "mount a volume: the layer goes with the container")
        case .network(let name):
            note(false, "place", "\(name), a network file system", fix: "put the home on a local disk")
        }
    }

    mutating func clock() {
        let reading = SystemClock().reading()
        let words =
            reading.isSynchronised
            ? "synchronised, estimated error \(reading.estimatedErrorMilliseconds) ms" : "not synchronised"
        note(
            reading.isSynchronised,
            "time service",
            words,
            fix: "run a time service (chrony, systemd-timesyncd); times are recorded as unsynchronised"
        )
    }

    mutating func modes(_ folders: HomeFolders) {
        for (path, allowed) in [(folders.keys, 0o700), (folders.people, 0o600), (folders.data, 0o700)] {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            guard let mode = attributes?[.posixPermissions] as? Int else { continue }
            let words = "\(path.split(separator: "/").last.map(String.init) ?? path) has mode \(String(mode, radix: 8))"
            note(mode & ~allowed == 0, "modes", words, fix: "chmod \(String(allowed, radix: 8)) \(path)")
        }
    }

    mutating func programs() {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let found = path.split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/weasyprint")
        }
        note(
            true,
            "pdf",
            found ? "WeasyPrint is there" : "WeasyPrint is absent: no --format pdf (apt install weasyprint)",
            fix: ""
        )
    }
}
