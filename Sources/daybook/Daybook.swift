import ArgumentParser
import DurableFiles
import CPOSIX
import Foundation
import Projecting

/// The one executable: commands and composition, no logic.
@main
struct Daybook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybook",
        abstract: "The book of original entry for a plant's routing model.",
        discussion: """
            Every change is an event in the log under HOME/data/log; tables, configs and logbooks are derived from it and can \
            be deleted. HOME is --home, else DAYBOOK_HOME, else the current folder.

            Exit codes: 0 done, 64 usage, 65 bad data, 69 down, 73 cannot create, 75 try again, 77 not allowed, \
            78 configuration.
            """,
        version: version,
        subcommands: [
            InitCommand.self, ServeCommand.self, InferCommand.self, StatusCommand.self, PersonCommand.self,
            UserCommand.self,
            ServiceAccountCommand.self, RedactCommand.self,
            RetentionCommand.self, HoldCommand.self, ModelCommand.self, ConfigCommand.self,
            EventsCommand.self, ProjectionsCommand.self, SnapshotCommand.self, ApprovalCommand.self,
            ChangesCommand.self, SprintCommand.self, TaskCommand.self, LogbookCommand.self, ExportCommand.self,
            AuditCommand.self, MetricsCommand.self, ExplainCommand.self,
            VerifyCommand.self, ProofCommand.self, TreeHeadCommand.self, AuditorCardCommand.self, WitnessCommand.self,
            SampleCommand.self, TrainCommand.self, TrainingCommand.self, MappingCommand.self, AskCommand.self,
            RoutingCommand.self,
            BackupCommand.self,
            ScheduleCommand.self,
            KeysCommand.self, ImportCommand.self, UpgradeCommand.self,
            ClockCommand.self, AlertsCommand.self, InferenceCommand.self,
            DoctorCommand.self, SourceCommand.self, RemoteCommand.self, ReferenceCommand.self, ExtractCommand.self,
            CheckModelCommand.self,
        ]
    )

    /// The version of this program.
    static let version = "0.2.0"

    static func main() async {
        cposix_return_freed_memory()
        // Before any database is opened: afterwards SQLite takes no settings for the whole process.
        SQLiteSetup.apply()
        StandardStream.fillGaps()
        MemoryFault.explain(asJSON: words.contains("--json"))
        if words.contains("--job") { Lifeline.hold() }
        do {
            var command = try parseAsRoot(Array(words.dropFirst()))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.report(error, asJSON: words.contains("--json"))
        }
    }

    /// The words of the command line, the program's own name first.
    ///
    /// Swift's runtime finds none when a preloaded library has changed the environment before `main`; the kernel still knows
    /// them. A command whose words are lost must not pass for a request for help.
    static let words: [String] = {
        guard CommandLine.arguments.isEmpty, let bytes = FileManager.default.contents(atPath: "/proc/self/cmdline")
        else {
            return CommandLine.arguments
        }
        return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }
    }()
}

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The home: config, models, logs, docs and data.", valueName: "dir"))
    var home: String?

    @Flag(name: .long, help: "Print JSON for programs instead of text for people.")
    var json = false

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Act as this known person (else DAYBOOK_ACTOR, else your user).", valueName: "name")
    )
    var actor: String?

    @Flag(name: .long, help: "Write how far a long command is to standard error, one line of JSON each time.")
    var progress = false

    /// The job that this process works for: whoever asked for it acts, and the process ends when its standard input does.
    @Option(name: .long, help: .hidden)
    var job: String?

    @Option(name: .long, help: .hidden)
    var projections: String?

    @Option(name: .long, help: .hidden)
    var migrations: String?

    /// Where results go.
    var printer: Printer { Printer(asJSON: json) }

    /// The folders of the home that is meant.
    var folders: HomeFolders {
        HomeFolders(root: home ?? ProcessInfo.processInfo.environment["DAYBOOK_HOME"] ?? ".")
    }
}

/// Where the proofs of a command's own events go.
struct ProofOption: ParsableArguments {
    @Option(
        name: .customLong("proof"),
        help: ArgumentHelp("Write the proof of each event of this command into this folder.", valueName: "dir")
    )
    var folder: String?

    /// Makes the folder: before the append, as one that cannot be written is to stop the command, not to lose its proof.
    func prepare() throws { if let folder { try DurableFile.makeDirectory(folder) } }
}

/// Options of every command that changes something.
struct WriteOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Why; stays in the audit trail. No names of persons here.", valueName: "words")
    )
    var reason: String?

    @Option(
        name: .customLong("key"),
        help: ArgumentHelp("Idempotency key: the same command sent again is done once.", valueName: "text")
    )
    var idempotencyKey: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Only if the stream is at this version, for example config-runtime@17.",
            valueName: "stream@n"
        )
    )
    var expect: [String] = []

    @Flag(name: .long, help: "Write past a running server, as its administrator; the event says so.")
    var console = false

    @OptionGroup var proving: ProofOption

    /// The reason, nil if it is blank: a command that needs one says so.
    var statedReason: String? { reason.flatMap { $0.contains { !$0.isWhitespace } ? $0 : nil } }

    /// The expected versions by stream.
    ///
    /// Throws a usage error for anything but `stream@n`.
    func expectations() throws -> [String: UInt64] {
        try expect.reduce(into: [:]) { result, text in
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, let version = UInt64(parts[1]), !parts[0].isEmpty else {
                throw ValidationError("--expect \(text) is not stream@n, for example config-runtime@17")
            }
            result[String(parts[0])] = version
        }
    }
}
