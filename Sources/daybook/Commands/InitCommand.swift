import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

/// Makes a home.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a home: its folders, its log with a key of its own, and the default configs.",
        discussion: """
            A crash leaves either no log or a whole one; running init again on a half-made home completes it, on a whole one \
            it is refused.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(
        name: .long,
        help: ArgumentHelp("The plant's time zone, an IANA name; else the machine's.", valueName: "zone")
    )
    var timeZone: String?

    func run() async throws {
        let folders = global.folders
        let zone = timeZone ?? TimeZone.current.identifier
        guard TimeZone(identifier: zone) != nil else {
            throw Failure(
                "time-zone",
                "\"\(zone.prefix(80))\" is not a time zone of this machine",
                hint: "an IANA name such as Asia/Seoul or Europe/Berlin",
                status: ExitStatus.badData
            )
        }
        if !FileManager.default.fileExists(atPath: folders.log) { try OpenHome.requireNoTrace(folders) }
        try DurableFile.makeDirectory(folders.root)
        for folder in folders.all {
            let isPrivate = folder.hasPrefix(folders.data)
            try DurableFile.makeDirectory(folder, mode: isPrivate ? 0o700 : 0o755)
        }
        var isNew = false
        if !FileManager.default.fileExists(atPath: folders.log) {
            let made = try LMDBEventLog.create(
                at: folders.logFolders,
                timeZone: zone == "GMT" ? "UTC" : zone,
                logger: OpenHome.diagnostics
            )
            await made.close()
            isNew = true
        }
        let before = try? People(path: folders.people, keys: folders.keys).count()
        let home = try await OpenHome.open(global, begins: true)
        let isKnownAnew = (before ?? 0) == 0
        let completed = try await initialiseConfigs(home) || isKnownAnew
        try await home.catchUp()
        let head = try home.log.head()
        await home.close()
        guard isNew || completed else {
            throw Failure(
                "home.exists",
                "\(folders.root) is a home already, with \(head.size) events",
                hint: "use it, or name another folder with --home",
                status: ExitStatus.cannotCreate
            )
        }
        let identity = home.log.identity
        global.printer.show(
            """
            home      \(folders.root)
            origin    \(identity.origin)
            key       \(identity.verifierKey)
            time zone \(identity.timeZone)
            you are   \(home.actor.name)

            Next: daybook model register DIR --home \(Words.shellWord(folders.root))
            """,
            [
                "home": .string(folders.root), "origin": .string(identity.origin),
                "verifier_key": .string(identity.verifierKey), "time_zone": .string(identity.timeZone),
                "actor": ["id": .string(home.actor.id.text), "name": .string(home.actor.name)],
            ]
        )
    }

    /// Writes the defaults of each configuration that has none; says whether there was one.
    private func initialiseConfigs(_ home: OpenHome) async throws -> Bool {
        var completed = false
        for config in ConfigName.allCases
        where try home.handler.state(for: InitialiseConfig(config: config))[config].values.isEmpty {
            do {
                _ = try await home.handler.handle(
                    InitialiseConfig(config: config),
                    by: .system(reason: "defaults of a new home")
                )
                completed = true
            } catch let rejection as Rejection where rejection.rule == "config.initialised" {
                // Another init at the same moment was faster; the home is whole all the same.
                continue
            }
        }
        return completed
    }
}
